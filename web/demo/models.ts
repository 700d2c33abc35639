/** Who may be asked: what models.json beside the page names, so that who runs it changes the choice without building it. */

import { useEffect, useState } from "react";

/** A choice of the person, and what it is in a request. */
export interface Model {
  readonly name: string;
  /** Left out: the first one of the service. */
  readonly producer?: string;
  /** Left out: the producer's default. */
  readonly model?: string;
  /** What the producer takes beside what all do. */
  readonly extra?: object;
}

/** The service always has one. */
const ANY: readonly [Model, ...Model[]] = [{ name: "Default model" }];
const LOAD_MS = 5_000;

/** The choices, the first one for those who do not choose. */
export function useModels(): readonly [Model, ...Model[]] {
  const [models, set] = useState(ANY);
  useEffect(() => {
    let shown = true;
    void load().then((loaded) => shown && set(loaded));
    return () => void (shown = false);
  }, []);
  return models;
}

async function load(): Promise<typeof ANY> {
  try {
    const answer = await fetch("models.json", { signal: AbortSignal.timeout(LOAD_MS) });
    const [first, ...others] = (await answer.json()) as Model[];
    return first ? [first, ...others] : ANY;
  } catch {
    return ANY;
  }
}
