/** The answers to a job's questions, wherever they are given: they are in the jobs that go on from it. */

import type { StreamsvcClient } from "./client.js";
import { isResumable, StreamsvcError } from "./errors.js";
import type { InputAnswer } from "./gen/streamsvc/v1/content_pb.js";
import type { Job } from "./gen/streamsvc/v1/job_pb.js";
import type { JobState } from "./gen/streamsvc/v1/state_pb.js";

/** The answer that counts, and the job that goes on with it. */
export interface Given {
  readonly answer: InputAnswer;
  readonly jobId: string;
}

/** Looks for answers from `follow` to `leave`, or until each question has one. `changed` is called when more is known. */
export class GivenAnswers {
  readonly #given = new Map<string, Given>();
  /** The jobs that were looked at, and how to leave those that have not said yet what they began with. */
  readonly #looked = new Set<string>();
  readonly #looking = new Map<string, () => void>();
  #listed: "no" | "under way" | "yes" = "no";
  #leaveConversation: () => void = () => {};

  /** `asking` is the state in which the job has ended. */
  constructor(
    private readonly client: StreamsvcClient,
    private readonly asking: JobState & { readonly job: Job },
    private readonly changed: () => void,
  ) {}

  /** Whether all that were given up to now are known. */
  get known(): boolean {
    return this.#listed === "yes" && this.#looking.size === 0;
  }

  /** The answer to a question, if one is known. */
  to(inputRequestId: string): Given | undefined {
    return this.#given.get(inputRequestId);
  }

  follow(): void {
    if (this.#complete) return;
    const conversation = this.client.conversation(this.asking.job.conversationId);
    const look = () => {
      const { jobs, caughtUp, status } = conversation.getSnapshot();
      this.#consider(jobs);
      // Not earlier: a job that ended between the two would be in neither.
      if (this.#listed === "no" && (caughtUp || status === "ended")) void this.#list();
    };
    this.#leaveConversation = conversation.subscribe(look);
    look();
  }

  leave(): void {
    this.#leaveConversation();
    for (const [jobId, leaveJob] of this.#looking) {
      leaveJob();
      this.#looked.delete(jobId);
    }
    this.#looking.clear();
  }

  /** Looks at what a job began with. */
  look(jobId: string): void {
    if (this.#looked.has(jobId)) return;
    this.#looked.add(jobId);
    const job = this.client.job(jobId);
    const look = () => {
      const { state, error } = job.getSnapshot();
      if (state.job || error) this.#take(jobId, state.answers);
    };
    this.#looking.set(jobId, job.subscribe(look));
    look();
  }

  get #complete(): boolean {
    return this.asking.inputRequests.every(({ id }) => this.#given.has(id));
  }

  #take(jobId: string, answers: readonly InputAnswer[]): void {
    this.#looking.get(jobId)?.();
    this.#looking.delete(jobId);
    for (const answer of answers) this.#given.set(answer.inputRequestId, { answer, jobId });
    if (this.#complete) this.leave();
    this.changed();
  }

  #consider(jobs: Iterable<Job>): void {
    for (const { id, previousJobId } of jobs) if (previousJobId === this.asking.job.id) this.look(id);
  }

  /** Finds those that ended before anybody looked; they are newer than the one that asked. */
  async #list(): Promise<void> {
    const { id, conversationId } = this.asking.job;
    this.#listed = "under way";
    try {
      for await (const job of this.client.jobs({ conversationId })) {
        if (job.id === id) break;
        this.#consider([job]);
      }
      this.#listed = "yes";
    } catch (error) {
      // Out of reach: again when the watch has news. Refused: who was first is the service's to say, as ever.
      this.#listed = error instanceof StreamsvcError && isResumable(error) ? "no" : "yes";
    }
    this.changed();
  }
}
