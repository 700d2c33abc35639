/** What the service knows of a conversation: the states of its jobs. */

import type { StreamsvcClient } from "../client.js";
import { StreamsvcError } from "../errors.js";
import type { Job } from "../gen/streamsvc/v1/job_pb.js";
import { CatchUpMode } from "../gen/streamsvc/v1/job_service_pb.js";
import type { JobState } from "../gen/streamsvc/v1/state_pb.js";
import { carriesOn, hasEnded } from "./message.js";

/** How many jobs of a conversation are shown: the newest. */
const MOST_JOBS = 200;

/** States of jobs; those that have ended are asked for once. */
export class History {
  readonly #ended = new Map<string, JobState>();

  constructor(private readonly client: StreamsvcClient) {}

  /** The jobs of a conversation as they stand, oldest first. */
  async of(conversationId: string): Promise<JobState[]> {
    const jobs: Job[] = [];
    for await (const job of this.client.jobs({ conversationId })) {
      if (jobs.push(job) >= MOST_JOBS) break;
    }
    const states = await Promise.all(jobs.reverse().map(({ id }) => this.state(id)));
    return states.filter((state) => state !== undefined);
  }

  /** A job as it stands; undefined if there is none any more. */
  async state(jobId: string): Promise<JobState | undefined> {
    const state = this.#ended.get(jobId) ?? (await this.#ask(jobId));
    if (state && hasEnded(state.job)) this.#ended.set(jobId, state);
    return state;
  }

  /** The states of the jobs whose message this job carries on, oldest first. */
  async before(state: JobState): Promise<JobState[]> {
    const before: JobState[] = [];
    let first: JobState | undefined = state;
    while (first && carriesOn(first) && before.length < MOST_JOBS) {
      first = await this.state(first.job?.previousJobId ?? "");
      if (first) before.unshift(first);
    }
    return before;
  }

  async #ask(jobId: string): Promise<JobState | undefined> {
    try {
      return await this.client.getState(jobId);
    } catch (error) {
      const reason = error instanceof StreamsvcError ? error.reason : "";
      if (reason === "JOB_NOT_FOUND") return undefined;
      if (reason !== "STATE_TOO_LARGE") throw error;
      return this.#read(jobId);
    }
  }

  /** Reads a state that is too large for one message. */
  async #read(jobId: string): Promise<JobState> {
    const stream = this.client.stream(jobId, { catchUp: CatchUpMode.SNAPSHOT, fold: true });
    for await (const news of stream.messages()) {
      for (const _ of news);
      if (stream.status === "live") break;
    }
    return stream.state;
  }
}
