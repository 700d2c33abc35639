/** Who may be asked. */

/** A choice of the person, and what it is in a request. */
export interface Model {
  readonly name: string;
  /** Empty for the first one of the service. */
  readonly producer: string;
  readonly extraJson: string;
}

/** The scripted producer is always there: it shows all that an answer may hold, without a model. */
export const MODELS: readonly [Model, ...Model[]] = [
  { name: "Default model", producer: "", extraJson: "" },
  { name: "Scripted", producer: "scripted", extraJson: JSON.stringify({ tokens: 300, rate: 25, rich: true }) },
];
