/** The jobs of a conversation that a page shows, also those that were started elsewhere. */

import { timestampMs } from "@bufbuild/protobuf/wkt";

import type { Job } from "./gen/streamsvc/v1/job_pb.js";
import { Store } from "./store.js";
import type { Status } from "./stream.js";
import type { JobsUpdate, JobWatch } from "./watch.js";

/** A conversation as far as it is known here. */
export interface ConversationSnapshot {
  /** The jobs that run, and those that have ended since somebody looks; newest first. */
  readonly jobs: readonly Job[];
  /** Whether `jobs` are all there are. */
  readonly caughtUp: boolean;
  /** Whether changes are heard of: "ended" if `error` says why they never will be. */
  readonly status: Status;
  /** Why nothing more will come. */
  readonly error: Error | undefined;
}

/** A conversation as a store. */
export class ConversationStore extends Store<ConversationSnapshot> {
  #jobs = new Map<string, Job>();
  #caughtUp = false;
  #error: Error | undefined;
  readonly #watch: JobWatch;

  constructor(watch: (changed: () => void) => JobWatch, used: (inUse: boolean) => void) {
    super(used);
    this.#watch = watch(() => this.changed());
  }

  protected override snapshot(): ConversationSnapshot {
    const jobs = [...this.#jobs.values()].sort((a, b) => begun(b) - begun(a));
    const status = this.#error ? "ended" : this.#watch.status;
    return { jobs, caughtUp: this.#caughtUp, status, error: this.#error };
  }

  protected override async work(): Promise<void> {
    this.#error = undefined;
    try {
      for await (const update of this.#watch) this.#take(update);
    } catch (error) {
      this.#error = error as Error;
      this.changed();
    }
  }

  protected override stop(): void {
    this.#watch.close();
  }

  #take({ jobs, removed, reset, caughtUp }: JobsUpdate): void {
    if (reset) this.#jobs.clear();
    for (const job of jobs) this.#jobs.set(job.id, job);
    for (const id of removed) this.#jobs.delete(id);
    this.#caughtUp ||= caughtUp;
    this.changed();
  }
}

function begun({ createTime }: Job): number {
  return createTime ? timestampMs(createTime) : 0;
}
