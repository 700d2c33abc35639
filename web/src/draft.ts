/** A state that a fold works on. */

import { create } from "@bufbuild/protobuf";
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";

import type { RunStep } from "./gen/streamsvc/v1/content_pb.js";
import type { JobCreated } from "./gen/streamsvc/v1/event_pb.js";
import { type Job, JobSchema, type JobStatus } from "./gen/streamsvc/v1/job_pb.js";
import type { JobState } from "./gen/streamsvc/v1/state_pb.js";
import { GrowingPart, type PartKind } from "./parts.js";

const NANOS_A_SECOND = 1_000_000_000n;

/** What a fold writes into. Fields are the draft's own; messages and lists that they hold are replaced, never changed. */
export class Draft {
  offset: number;
  job: Job;
  parts: GrowingPart[];
  steps: RunStep[] = [];
  /** All other fields of the state. */
  readonly rest: JobState;
  /** Where each step is; of several with one id the first. */
  readonly #places = new Map<string, number>();

  constructor(state: JobState) {
    this.offset = state.offset;
    this.job = { ...(state.job ?? create(JobSchema)) };
    this.parts = state.parts.map((part) => new GrowingPart(part));
    for (const step of state.steps) this.addStep(step);
    this.rest = { ...state };
  }

  /** The state as it is now. */
  state(): JobState {
    const parts = this.parts.map(({ part }) => part);
    return { ...this.rest, offset: this.offset, job: { ...this.job }, parts, steps: [...this.steps] };
  }

  /** Takes over what the first event says. */
  begin({ job, input, answers }: JobCreated): void {
    this.job = { ...(job ?? create(JobSchema)) };
    this.rest.input = [...this.rest.input, ...input];
    this.rest.answers = [...this.rest.answers, ...answers];
  }

  /** Forgets what a restart voids. */
  restart(): void {
    this.parts = [];
    this.steps = [];
    this.#places.clear();
    Object.assign(this.rest, { custom: [], errors: [], inputRequests: [] });
  }

  /** Ends the job at the time of its newest event. */
  end(status: JobStatus): void {
    const completeTime = this.job.updateTime ?? create(TimestampSchema);
    Object.assign(this.job, { status, completeTime, expireTime: after(completeTime, this.job.retention) });
  }

  /** The part of that index, if it is there and of that kind. */
  part(index: number, kind: PartKind): GrowingPart | undefined {
    const part = this.parts[index];
    return part?.kind === kind ? part : undefined;
  }

  /** Appends a step. */
  addStep(step: RunStep): void {
    const place = this.steps.push(step) - 1;
    if (!this.#places.has(step.id)) this.#places.set(step.id, place);
  }

  /** Changes the step of that id, if there is one. */
  changeStep(id: string, change: (step: RunStep) => RunStep): void {
    const place = this.#places.get(id);
    if (place !== undefined) this.steps[place] = change(this.steps[place] as RunStep);
  }
}

function after(time: Timestamp, duration: Duration | undefined): Timestamp {
  const nanos = nanosOf(time) + (duration ? nanosOf(duration) : 0n);
  const part = ((nanos % NANOS_A_SECOND) + NANOS_A_SECOND) % NANOS_A_SECOND;
  return create(TimestampSchema, { seconds: (nanos - part) / NANOS_A_SECOND, nanos: Number(part) });
}

function nanosOf({ seconds, nanos }: Timestamp | Duration): bigint {
  return seconds * NANOS_A_SECOND + BigInt(nanos);
}
