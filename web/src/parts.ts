/** Parts of an answer, whose text grows. */

import type { ContentPart } from "./gen/streamsvc/v1/content_pb.js";

/** The kind of a part; undefined for one of a later version. */
export type PartKind = ContentPart["kind"]["case"];

/**
 * A part and the text that came for it. Text is kept in pieces and joined when the part is asked for: joining it for
 * each delta would be quadratic.
 */
export class GrowingPart {
  #pieces: string[] = [];
  #part: ContentPart;

  /** `part` stays as it is: changes go into copies. */
  constructor(part: ContentPart) {
    this.#part = part;
  }

  get kind(): PartKind {
    return this.#part.kind.case;
  }

  /** The part as it is now: one object until it changes, and never written to. */
  get part(): ContentPart {
    if (this.#pieces.length > 0) {
      this.#part = withText(this.#part, textOf(this.#part) + this.#pieces.join(""));
      this.#pieces = [];
    }
    return this.#part;
  }

  /** Appends `text` to what grows in this part. */
  grow(text: string): void {
    this.#pieces.push(text);
  }

  /** Replaces the part by what `change` makes of it. */
  change(change: (part: ContentPart) => ContentPart): void {
    this.#part = change(this.part);
  }
}

/** What grows in a part: its text, its reasoning, or the arguments of its tool call. */
export function textOf({ kind }: ContentPart): string {
  if (kind.case === "text" || kind.case === "reasoning") return kind.value.text;
  return kind.case === "toolCall" ? kind.value.argumentsJson : "";
}

/** A copy of `part` in which `text` has grown. A part in which nothing grows is given back as it is. */
export function withText(part: ContentPart, text: string): ContentPart {
  const { kind } = part;
  if (kind.case === "text") return { ...part, kind: { case: "text", value: { ...kind.value, text } } };
  if (kind.case === "reasoning") return { ...part, kind: { case: "reasoning", value: { ...kind.value, text } } };
  if (kind.case !== "toolCall") return part;
  return { ...part, kind: { case: "toolCall", value: { ...kind.value, argumentsJson: text } } };
}
