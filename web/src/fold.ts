/**
 * The fold: from a job's events to its state, the same in the service and in its clients.
 *
 * Law: `fold(state at N, events N+1 .. M) = state at M`, whatever N. tests/golden holds the cases that every language
 * must pass.
 */

import { create } from "@bufbuild/protobuf";

import { Draft } from "./draft.js";
import { EFFECTS } from "./effects.js";
import type { Event } from "./gen/streamsvc/v1/event_pb.js";
import { type JobState, JobStateSchema } from "./gen/streamsvc/v1/state_pb.js";

/**
 * A job folded up to an offset.
 *
 * Events must come in order, without gaps or repeats. One of an unknown kind moves the offset and the update time only,
 * and so does one that does not fit, so that all readers agree.
 *
 * States that were given never change any more, and they share what is the same in them: a part of an answer, for
 * example, is one object until it changes.
 */
export class Fold {
  readonly #draft: Draft;
  #state: JobState | undefined;

  constructor(state: JobState = create(JobStateSchema)) {
    this.#draft = new Draft(state);
    this.#state = state;
  }

  /** The offset of the last event folded in. */
  get offset(): number {
    return this.#draft.offset;
  }

  /** The state at `offset`. Costs what has changed since it was last asked for. */
  get state(): JobState {
    this.#state ??= this.#draft.state();
    return this.#state;
  }

  /** Folds in the event that follows `offset`. */
  apply({ offset, createTime, payload }: Event): void {
    const draft = this.#draft;
    this.#state = undefined;
    // Before the rest: it brings a job of its own, which does not know its first offset and time yet.
    if (payload.case === "jobCreated") draft.begin(payload.value);
    draft.offset = draft.job.lastOffset = offset;
    if (createTime) draft.job.updateTime = createTime;
    if (payload.case) (EFFECTS[payload.case] as (draft: Draft, payload: unknown) => void)(draft, payload.value);
  }
}
