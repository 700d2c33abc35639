/** Where a person answers a question: words, a choice, a number, or JSON. */

import { plain } from "./json.js";
import type { Wanted } from "./wanted.js";

interface Props {
  readonly wanted: Wanted;
  /** The id of the question's words. */
  readonly labelledBy: string;
  /** Of the radio buttons, other than that of every other question. */
  readonly name: string;
  readonly text: string;
  readonly change: (text: string) => void;
}

/** What is typed or chosen is `text`; for a choice it is JSON. */
export function Field({ wanted, labelledBy, name, text, change }: Props) {
  const shared = { "aria-labelledby": labelledBy, value: text };
  if (wanted.kind === "choice") {
    return (
      <div className="choices" role="radiogroup" aria-labelledby={labelledBy}>
        {wanted.choices
          .map((choice) => JSON.stringify(choice))
          .map((json) => (
            <label key={json}>
              <input type="radio" name={name} checked={json === text} onChange={() => change(json)} />
              {plain(json)}
            </label>
          ))}
      </div>
    );
  }
  if (wanted.kind === "number") {
    const { whole, min, max } = wanted;
    const changed = ({ target }: { readonly target: HTMLInputElement }) => change(target.value);
    return <input type="number" {...shared} {...{ min, max }} step={whole ? 1 : "any"} onChange={changed} />;
  }
  const typed = ({ target }: { readonly target: HTMLTextAreaElement }) => change(target.value);
  return (
    <textarea
      {...shared}
      className={wanted.kind === "json" ? "json" : ""}
      rows={wanted.kind === "json" ? 4 : 2}
      onChange={typed}
    />
  );
}
