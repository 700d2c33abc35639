/** A job that a page shows, with its questions to people. */

import { timestampMs } from "@bufbuild/protobuf/wkt";

import { send } from "./answering.js";
import type { Answers, StreamsvcClient } from "./client.js";
import { answeredIn } from "./errors.js";
import type { InputAnswer, InputRequest } from "./gen/streamsvc/v1/content_pb.js";
import { FinishReason, type Job } from "./gen/streamsvc/v1/job_pb.js";
import type { JobState } from "./gen/streamsvc/v1/state_pb.js";
import { GivenAnswers } from "./given-answers.js";
import type { JobSnapshot, JobStore } from "./job-store.js";
import { Store } from "./store.js";

/** A question, and what became of it. */
export interface Question {
  readonly request: InputRequest;
  /** Whether an answer is waited for. Not while the job runs, before it is known that there is none, and once expired. */
  readonly open: boolean;
  /** The answer that counts, whoever gave it and where. */
  readonly answer: InputAnswer | undefined;
  /** The job that goes on with it. */
  readonly answeredIn: string | undefined;
}

/** A job as far as it is known here, with its questions. */
export interface AskingSnapshot extends JobSnapshot {
  readonly questions: readonly Question[];
  /**
   * Answers all open questions, together, and returns the job that goes on. Without a connection the answers are kept and sent, once, when
   * there is one again. Throws INPUT_ANSWERED if somebody else was first; soon `questions` have that answer.
   */
  readonly answer: (answers: Answers) => Promise<Job>;
}

/** A job as a store. One that asks nothing costs what a JobStore costs; one with open questions watches for answers. */
export class AskingJob extends Store<AskingSnapshot> {
  readonly #job: JobStore;
  #given: GivenAnswers | undefined;
  #stop: () => void = () => {};
  /** What the newest snapshot was made of. */
  #seen: JobSnapshot | undefined;

  constructor(
    private readonly client: StreamsvcClient,
    jobId: string,
    private readonly wallClock: () => number = Date.now,
  ) {
    super();
    this.#job = client.job(jobId);
  }

  protected override snapshot(): AskingSnapshot {
    const job = (this.#seen = this.#job.getSnapshot());
    const given = this.#given?.given;
    const questions = job.state.inputRequests.map((request): Question => {
      const open = this.#given?.none === true && !this.#expired(request);
      const answer = given?.answers.find(({ inputRequestId }) => inputRequestId === request.id);
      return { request, open, answer, answeredIn: given?.jobId };
    });
    return { ...job, questions, answer: this.#answer };
  }

  protected override work(): Promise<void> {
    return new Promise((stopped) => {
      const leave = this.#job.subscribe(this.#look);
      this.#stop = () => {
        leave();
        this.#given?.leave();
        stopped();
      };
      this.#given?.follow();
      this.#look();
    });
  }

  protected override stop(): void {
    this.#stop();
  }

  #expired({ expireTime }: InputRequest): boolean {
    return expireTime !== undefined && timestampMs(expireTime) <= this.wallClock();
  }

  readonly #look = () => {
    const job = this.#job.getSnapshot();
    const { state } = job;
    if (!this.#given && waits(state)) {
      this.#given = new GivenAnswers(this.client, state.job, () => this.changed());
      this.#given.follow();
    }
    if (job !== this.#seen) this.changed();
  };

  readonly #answer = async (answers: Answers): Promise<Job> => {
    const { job } = this.#job.getSnapshot().state;
    if (!job) throw new Error("the job is not known yet: nothing of it can be answered");
    try {
      const next = await send(this.client, job, answers);
      this.#given?.answeredIn(next.id);
      return next;
    } catch (error) {
      const first = answeredIn(error);
      if (first) this.#given?.answeredIn(first);
      throw error;
    }
  };
}

/** Whether the job has ended with questions to people. */
function waits(state: JobState): state is JobState & { readonly job: Job } {
  return state.job?.finishReason === FinishReason.INPUT_REQUIRED && state.inputRequests.length > 0;
}
