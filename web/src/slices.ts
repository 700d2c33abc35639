/** Snapshots that come in slices, put together. */

import { isFieldSet } from "@bufbuild/protobuf";

import { type JobState, JobStateSchema } from "./gen/streamsvc/v1/state_pb.js";
import { GrowingPart, textOf } from "./parts.js";
import { unknowns } from "./unknowns.js";

/**
 * One snapshot. Lists of its slices are joined, other fields taken over; a slice whose first part has the index of the
 * last part of the one before goes on with that part's text.
 */
export class SnapshotJoin {
  #whole: JobState | undefined;
  #parts: GrowingPart[] = [];
  #lastIndex: number | undefined;

  /** Adds the next slice. */
  add(slice: JobState): void {
    const [first, ...others] = slice.parts;
    const last = this.#parts.at(-1);
    if (first && last && first.index === this.#lastIndex) {
      last.grow(textOf(first));
      this.#parts.push(...others.map((part) => new GrowingPart(part)));
    } else {
      this.#parts.push(...slice.parts.map((part) => new GrowingPart(part)));
    }
    this.#lastIndex = slice.parts.at(-1)?.index ?? this.#lastIndex;
    this.#whole = this.#whole ? joined(this.#whole, slice) : slice;
  }

  /** All that was added. */
  state(): JobState {
    if (!this.#whole) throw new Error("no slice was added");
    return { ...this.#whole, parts: this.#parts.map(({ part }) => part) };
  }
}

/** `whole` with the fields of `slice`, but for parts. */
function joined(whole: JobState, slice: JobState): JobState {
  const fields: Record<string, unknown> = {};
  for (const field of JobStateSchema.fields) {
    const name = field.localName as keyof JobState;
    if (name === "parts" || !isFieldSet(slice, field)) continue;
    const value = slice[name];
    fields[name] = Array.isArray(value) ? [...(whole[name] as unknown[]), ...value] : value;
  }
  return { ...whole, ...fields, ...unknowns(whole, slice) };
}
