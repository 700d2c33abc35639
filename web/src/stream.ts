/** A job's events, each once and in order, whatever happens to the connection. */

import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";

import type { ReadOptions } from "./audible.js";
import type { Calls } from "./calls.js";
import { type Cursor, START } from "./cursor.js";
import { unreachable } from "./errors.js";
import { Fold } from "./fold.js";
import type { Event } from "./gen/streamsvc/v1/event_pb.js";
import { CatchUpMode, StreamJobRequestSchema, type StreamJobResponse } from "./gen/streamsvc/v1/job_service_pb.js";
import type { JobState } from "./gen/streamsvc/v1/state_pb.js";
import { Resumption, type World } from "./resumption.js";
import { SnapshotJoin } from "./slices.js";

/** What a stream hands out: an event, or a state that replaces everything before it. */
export type Item = Event | JobState;

/** Whether `item` replaces everything before it. */
export function isSnapshot(item: Item): item is JobState {
  return item.$typeName === "streamsvc.v1.JobState";
}

/** How far a stream is: it has all there is, not yet all, no connection, or the final event. */
export type Status = "live" | "catching-up" | "reconnecting" | "ended";

/** How a stream begins. */
export interface StreamOptions {
  /** Where to go on; good only together with the state that it stands for. */
  readonly cursor?: Cursor;
  /** A state to go on from; it says its cursor itself. */
  readonly state?: JobState;
  readonly catchUp?: CatchUpMode;
  /** Whether to keep the job's state: see `JobStream.state`. Needs a stream from the beginning or from a snapshot. */
  readonly fold?: boolean;
  /** Called when the stream was connected or has lost its connection. */
  readonly changed?: () => void;
}

/**
 * Iterates over a job: events, and a state where a snapshot replaces everything before it.
 *
 * A lost connection, a silence of two heartbeats or a server that stops is no error: the stream calls again with its
 * cursor. `cursor` is what was handed out so far. An iteration that was left goes on there when it is begun again.
 *
 * Ends after the final event. Throws StreamsvcError by its reason, such as JOB_NOT_FOUND, and GAVE_UP if nothing came
 * for too long.
 */
export class JobStream implements AsyncIterable<Item> {
  cursor: Cursor;
  #fold: Fold | undefined;
  #catchUp: CatchUpMode;
  #join: SnapshotJoin | undefined;
  #lastOffset = 0;
  #closed = false;
  readonly #resumption: Resumption;

  constructor(
    private readonly calls: Calls,
    world: World,
    readonly jobId: string,
    { cursor, state, catchUp = CatchUpMode.REPLAY, fold = state !== undefined, changed = () => {} }: StreamOptions,
  ) {
    this.cursor = state ? { epoch: state.job?.epoch ?? "", offset: state.offset } : (cursor ?? START);
    this.#fold = fold ? new Fold(state) : undefined;
    this.#catchUp = catchUp;
    this.#resumption = new Resumption(world, changed);
  }

  /** How often the stream was called for anew. */
  get reconnects(): number {
    return this.#resumption.reconnects;
  }

  /** Whether the final event was handed out. */
  get finished(): boolean {
    return this.#closed && this.cursor.offset >= this.#lastOffset;
  }

  get status(): Status {
    if (this.finished) return "ended";
    if (!this.#resumption.connected) return this.reconnects > 0 ? "reconnecting" : "catching-up";
    return this.cursor.offset < this.#lastOffset || this.#join ? "catching-up" : "live";
  }

  /** The job as far as it was handed out, for a stream that folds. To go on from it: `StreamsvcClient.resume`. */
  get state(): JobState {
    if (!this.#fold) throw new Error("the stream does not fold: ask for it with client.stream(id, { fold: true })");
    const { state } = this.#fold;
    return state.job ? { ...state, job: { ...state.job, epoch: this.cursor.epoch } } : state;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, void> {
    for await (const news of this.messages()) yield* news;
  }

  /** The same message by message, some of them without news. Each one's items are to be taken before the next one. */
  messages(): AsyncGenerator<Iterable<Item>, void, void> {
    return this.#resumption.run(
      (options) => this.#attempt(options),
      () => this.finished,
    );
  }

  /** Stops following, wherever the iteration is; it ends without an error. The job goes on. */
  close(): void {
    this.#resumption.close();
  }

  /** Makes one call. Throws what ends it short of the final event. */
  async *#attempt(options: ReadOptions): AsyncGenerator<Iterable<Item>> {
    // What an earlier call was told need not be so any more.
    this.#join = undefined;
    this.#lastOffset = 0;
    this.#closed = false;
    for await (const response of this.calls.streamJob(this.#request(), options)) yield this.#news(response);
  }

  #request() {
    const { epoch, offset } = this.cursor;
    const begun = offset > 0 && this.#catchUp !== CatchUpMode.SKIP;
    return create(StreamJobRequestSchema, {
      jobId: this.jobId,
      afterOffset: offset,
      epoch,
      catchUp: begun ? CatchUpMode.REPLAY : this.#catchUp,
      heartbeatInterval: durationFromMs(this.#resumption.heartbeatIntervalMs),
    });
  }

  /** What `response` adds. Looked at as a whole first, so that it is applied whole or not at all. */
  #news(response: StreamJobResponse): Iterable<Item> {
    const { snapshot, snapshotContinues, epoch, lastOffset, closed } = response;
    this.#lastOffset = lastOffset || this.#lastOffset;
    this.#closed ||= closed;
    const before = this.cursor;
    const state = snapshot && this.#joined(snapshot, snapshotContinues);
    if (!state) this.#skip(epoch, lastOffset);
    const events = following(state?.offset ?? this.cursor.offset, response.events);
    if (state || events.length > 0 || this.cursor !== before) this.#resumption.progress();
    return this.#handOut(state, events, epoch || this.cursor.epoch);
  }

  /** Moves the cursor with each item that is taken. */
  *#handOut(state: JobState | undefined, events: readonly Event[], epoch: string): Generator<Item> {
    if (state) {
      this.cursor = { epoch, offset: state.offset };
      if (this.#fold) this.#fold = new Fold(state);
      yield state;
    }
    for (const event of events) {
      this.cursor = { epoch, offset: event.offset };
      this.#fold?.apply(event);
      yield event;
    }
    if (!this.#join) this.cursor = { epoch, offset: this.cursor.offset };
  }

  #joined(slice: JobState, continues: boolean): JobState | undefined {
    const join = this.#join ?? new SnapshotJoin();
    join.add(slice);
    this.#join = continues ? join : undefined;
    return continues ? undefined : join.state();
  }

  /** Begins at the end of what there is, if that was asked for. */
  #skip(epoch: string, lastOffset: number): void {
    if (this.#catchUp !== CatchUpMode.SKIP || !epoch || !lastOffset) return;
    this.cursor = { epoch, offset: lastOffset };
    this.#catchUp = CatchUpMode.REPLAY;
  }
}

/** Those events that come after `offset`. Throws if some between are missing. */
function following(offset: number, events: readonly Event[]): readonly Event[] {
  const news = events.filter((event) => event.offset > offset);
  const gap = news.findIndex((event, i) => event.offset !== offset + 1 + i);
  if (gap >= 0) throw unreachable(`event ${news[gap]?.offset} came after event ${offset + gap}`);
  return news;
}
