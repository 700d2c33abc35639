/** The answers to a job's questions, wherever they were given: they are in the job that goes on with them. */

import type { StreamsvcClient } from "./client.js";
import { isResumable, StreamsvcError } from "./errors.js";
import type { InputAnswer } from "./gen/streamsvc/v1/content_pb.js";
import type { Job } from "./gen/streamsvc/v1/job_pb.js";

/** The answers that count, and the job that goes on with them. */
export interface Given {
  readonly answers: readonly InputAnswer[];
  readonly jobId: string;
}

/**
 * Looks for answers from `follow` to `leave`, or until it has them: the questions of a job are answered together.
 * `changed` is called when more is known.
 */
export class GivenAnswers {
  #given: Given | undefined;
  /** The jobs that were looked at, and how to leave those that have not said yet what they began with. */
  readonly #looked = new Set<string>();
  readonly #looking = new Map<string, () => void>();
  #listed: "no" | "under way" | "yes" = "no";
  #leaveConversation: () => void = () => {};

  constructor(
    private readonly client: StreamsvcClient,
    private readonly asking: Job,
    private readonly changed: () => void,
  ) {}

  /** The answers, if any are known. */
  get given(): Given | undefined {
    return this.#given;
  }

  /** Whether there are none. Not known at first. */
  get none(): boolean {
    return !this.#given && this.#listed === "yes" && this.#looking.size === 0;
  }

  follow(): void {
    if (this.#given) return;
    const conversation = this.client.conversation(this.asking.conversationId);
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

  /** Takes note of the job that has the answers: it was told by the service. */
  answeredIn(jobId: string): void {
    this.#look(jobId, (answers) => this.#take(jobId, answers));
  }

  /** Looks at what a job began with; nothing if it is not there any more. */
  #look(jobId: string, found: (answers: readonly InputAnswer[]) => void): void {
    if (this.#given || this.#looked.has(jobId)) return;
    this.#looked.add(jobId);
    const job = this.client.job(jobId);
    const look = () => {
      const { state, error } = job.getSnapshot();
      if (!state.job && !error) return;
      this.#looking.get(jobId)?.();
      this.#looking.delete(jobId);
      found(state.answers);
    };
    this.#looking.set(jobId, job.subscribe(look));
    look();
  }

  #take(jobId: string, answers: readonly InputAnswer[]): void {
    this.#given = { answers, jobId };
    this.leave();
    this.changed();
  }

  #consider(jobs: Iterable<Job>): void {
    for (const { id, previousJobId } of jobs) {
      if (previousJobId !== this.asking.id) continue;
      this.#look(id, (answers) => (answers.length > 0 ? this.#take(id, answers) : this.changed()));
    }
  }

  /** Finds those that ended before anybody looked; they are newer than the one that asked. */
  async #list(): Promise<void> {
    const { id, conversationId } = this.asking;
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
