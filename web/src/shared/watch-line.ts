/** A WatchJobs call that several readers share. */

import { create } from "@bufbuild/protobuf";

import { type Job, JobStatus } from "../gen/streamsvc/v1/job_pb.js";
import {
  type WatchJobsRequest,
  type WatchJobsResponse,
  WatchJobsResponseSchema,
} from "../gen/streamsvc/v1/job_service_pb.js";
import type { Line } from "./line.js";

/** How many jobs that are over are kept for readers that come from where the call began. */
const MOST_OVER = 1000;

const FINAL: readonly JobStatus[] = [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED];

/**
 * Keeps what was told. A reader that joins with the token that the call began with, as after a change of leader, is told
 * all of it; one without a token the jobs that are open; one with a token of elsewhere to begin anew with those.
 */
export class WatchLine implements Line<WatchJobsRequest, WatchJobsResponse> {
  readonly #open = new Map<string, Job>();
  readonly #over = new Map<string, Job>();
  readonly #removed = new Set<string>();
  #from: string | undefined;
  #token: string;
  #begun = false;
  #caughtUp = false;

  constructor(request: WatchJobsRequest) {
    this.#from = this.#token = request.watchToken;
  }

  accepts({ watchToken }: WatchJobsRequest): boolean {
    return this.#begun || watchToken === this.#from;
  }

  opening({ watchToken }: WatchJobsRequest): WatchJobsResponse | undefined {
    if (!this.#begun) return undefined;
    const [caughtUp, token] = [this.#caughtUp, this.#caughtUp ? this.#token : ""];
    const message = create(WatchJobsResponseSchema, { caughtUp, watchToken: token });
    if (caughtUp && watchToken === token) return message;
    const open = [...this.#open.values()];
    if (watchToken === "") return { ...message, jobs: open };
    if (watchToken !== this.#from) return { ...message, jobs: open, reset: true };
    return { ...message, jobs: [...open, ...this.#over.values()], removedJobIds: [...this.#removed] };
  }

  take({ jobs, removedJobIds, watchToken, reset, caughtUp }: WatchJobsResponse): void {
    this.#begun = true;
    if (reset) this.#forget();
    for (const job of jobs) this.#sort(job);
    for (const id of removedJobIds) {
      this.#open.delete(id);
      this.#over.delete(id);
      this.#removed.add(id);
    }
    if (this.#over.size + this.#removed.size > MOST_OVER) this.#forgetOver();
    this.#token = watchToken || this.#token;
    this.#caughtUp ||= caughtUp;
  }

  place(): undefined {}

  finished(): boolean {
    return false;
  }

  #sort(job: Job): void {
    const [to, from] = FINAL.includes(job.status) ? [this.#over, this.#open] : [this.#open, this.#over];
    from.delete(job.id);
    to.set(job.id, job);
  }

  #forget(): void {
    this.#open.clear();
    this.#forgetOver();
  }

  #forgetOver(): void {
    this.#over.clear();
    this.#removed.clear();
    this.#from = undefined;
  }
}
