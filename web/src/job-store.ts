/** A job that a page shows. */

import type { Cursor } from "./cursor.js";
import { CatchUpMode } from "./gen/streamsvc/v1/job_service_pb.js";
import type { JobState } from "./gen/streamsvc/v1/state_pb.js";
import { Store } from "./store.js";
import type { JobStream, Status, StreamOptions } from "./stream.js";

/** A job as far as it is known here. */
export interface JobSnapshot {
  readonly state: JobState;
  /** "ended": the final event is there, or `error` says why nothing more will come. */
  readonly status: Status;
  readonly cursor: Cursor;
  readonly reconnects: number;
  readonly error: Error | undefined;
}

/**
 * A job as a store. It begins with a snapshot, so that it costs the size of the answer and not the length of its log,
 * and is told anew with each message of the service, not with each event.
 */
export class JobStore extends Store<JobSnapshot> {
  readonly #stream: JobStream;
  #error: Error | undefined;

  constructor(stream: (options: StreamOptions) => JobStream, used: (inUse: boolean) => void) {
    super(used);
    this.#stream = stream({ catchUp: CatchUpMode.SNAPSHOT, fold: true, changed: () => this.changed() });
  }

  protected override snapshot(): JobSnapshot {
    const { state, status, cursor, reconnects } = this.#stream;
    return { state, status: this.#error ? "ended" : status, cursor, reconnects, error: this.#error };
  }

  protected override async work(): Promise<void> {
    this.#error = undefined;
    try {
      for await (const news of this.#stream.messages()) {
        for (const _ of news);
        this.changed();
      }
    } catch (error) {
      this.#error = error as Error;
      this.changed();
    }
  }

  protected override stop(): void {
    this.#stream.close();
  }
}
