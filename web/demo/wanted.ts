/** What kind of answer a question wants, as far as its JSON Schema is simple. */

import { mistakeIn } from "./json.js";

/** How a person is asked: for words, for one of several values, for a number, or for any JSON. */
export type Wanted =
  | { readonly kind: "words" }
  | { readonly kind: "choice"; readonly choices: readonly unknown[] }
  | { readonly kind: "number"; readonly whole: boolean; readonly min?: number; readonly max?: number }
  | { readonly kind: "json" };

interface Schema {
  readonly type?: unknown;
  readonly enum?: unknown;
  readonly minimum?: unknown;
  readonly maximum?: unknown;
}

/** What `schemaJson` asks for. Without a schema words will do. */
export function wantedBy(schemaJson: string): Wanted {
  if (!schemaJson) return { kind: "words" };
  const { type, enum: choices, minimum, maximum } = parsed(schemaJson);
  if (Array.isArray(choices) && choices.length > 0) return { kind: "choice", choices };
  if (type === "boolean") return { kind: "choice", choices: [true, false] };
  if (type === "string") return { kind: "words" };
  if (type !== "number" && type !== "integer") return { kind: "json" };
  const bounds = {
    ...(typeof minimum === "number" && { min: minimum }),
    ...(typeof maximum === "number" && { max: maximum }),
  };
  return { kind: "number", whole: type === "integer", ...bounds };
}

/** The answer as JSON, or nothing while `text`, which is JSON where a choice is wanted, is none. */
export function answerIn(text: string, wanted: Wanted): string | undefined {
  if (wanted.kind === "words") return text.trim() ? JSON.stringify(text) : undefined;
  if (!text.trim() || mistakeIn(text) !== undefined) return undefined;
  if (wanted.kind !== "number") return text;
  const { whole, min = -Infinity, max = Infinity } = wanted;
  const number = Number(text);
  return number >= min && number <= max && (!whole || Number.isInteger(number)) ? text : undefined;
}

function parsed(schemaJson: string): Schema {
  try {
    // A schema may be `true`.
    return Object(JSON.parse(schemaJson)) as Schema;
  } catch {
    return {};
  }
}
