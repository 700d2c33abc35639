/** Jobs as they start, change and end, at least once each, whatever happens to the connection. */

import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";

import type { ReadOptions } from "./audible.js";
import type { Calls } from "./calls.js";
import type { Job } from "./gen/streamsvc/v1/job_pb.js";
import { WatchJobsRequestSchema } from "./gen/streamsvc/v1/job_service_pb.js";
import { Resumption, type World } from "./resumption.js";
import type { Status } from "./stream.js";

/** Jobs that are new or changed, and ids of jobs that are gone. A job may come again unchanged. */
export interface JobsUpdate {
  readonly jobs: readonly Job[];
  readonly removed: readonly string[];
  /** Forget what was known before. */
  readonly reset: boolean;
  /** With this, everything up to now was told. */
  readonly caughtUp: boolean;
}

/** What to watch. */
export interface WatchOptions {
  /** Only jobs of this conversation. */
  readonly conversationId?: string;
  /** Where an earlier watch was. */
  readonly token?: string;
  /** Called when the watch was connected or has lost its connection. */
  readonly changed?: () => void;
}

/**
 * Iterates over updates: the jobs that are open, with a token those that changed since; then changes.
 *
 * `token` is where the watch is; given to another watch, it goes on from there. Never ends by itself. Throws
 * StreamsvcError by its reason, and GAVE_UP if nothing came for too long.
 */
export class JobWatch implements AsyncIterable<JobsUpdate> {
  token: string;
  readonly #conversationId: string;
  readonly #resumption: Resumption;

  constructor(
    private readonly calls: Calls,
    world: World,
    { conversationId = "", token = "", changed = () => {} }: WatchOptions,
  ) {
    this.token = token;
    this.#conversationId = conversationId;
    this.#resumption = new Resumption(world, changed);
  }

  /** How often the watch was called for anew. */
  get reconnects(): number {
    return this.#resumption.reconnects;
  }

  /** Whether it hears of changes: it does, it does not yet, or it has no connection. */
  get status(): Exclude<Status, "ended"> {
    if (this.#resumption.connected) return "live";
    return this.reconnects > 0 ? "reconnecting" : "catching-up";
  }

  [Symbol.asyncIterator](): AsyncGenerator<JobsUpdate, void, void> {
    return this.#resumption.run(
      (options) => this.#attempt(options),
      () => false,
    );
  }

  /** Stops watching; the iteration ends without an error. */
  close(): void {
    this.#resumption.close();
  }

  async *#attempt(options: ReadOptions): AsyncGenerator<JobsUpdate> {
    const request = create(WatchJobsRequestSchema, {
      conversationId: this.#conversationId,
      watchToken: this.token,
      heartbeatInterval: durationFromMs(this.#resumption.heartbeatIntervalMs),
    });
    for await (const message of this.calls.watchJobs(request, options)) {
      this.#resumption.progress();
      const { jobs, removedJobIds: removed, reset, caughtUp } = message;
      if (jobs.length > 0 || removed.length > 0 || reset || caughtUp) yield { jobs, removed, reset, caughtUp };
      // Only now: what was handed out is what the next call need not tell again.
      this.token = message.watchToken || this.token;
    }
  }
}
