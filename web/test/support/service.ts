/** A service in this process that keeps its jobs in memory, for what needs more than one call. */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  Code,
  type ConnectError,
  type ConnectRouter,
  createRouterTransport,
  type ServiceImpl,
  type Transport,
} from "@connectrpc/connect";
import { Fold } from "../../src/fold.js";
import { type Event, EventSchema } from "../../src/gen/streamsvc/v1/event_pb.js";
import type { InputAnswer, InputRequestSchema } from "../../src/gen/streamsvc/v1/content_pb.js";
import { FinishReason, type Job, JobSchema, JobStatus } from "../../src/gen/streamsvc/v1/job_pb.js";
import {
  CatchUpMode,
  JobService,
  type ListJobsRequest,
  type StartGenerationRequest,
  type StreamJobRequest,
  type WatchJobsRequest,
  type WatchJobsResponse,
  WatchJobsResponseSchema,
} from "../../src/gen/streamsvc/v1/job_service_pb.js";
import { CUT, error } from "./scripted.js";

type Said = MessageInitShape<typeof EventSchema>;
/** What a job goes on from. */
interface Before {
  readonly previousJobId?: string;
  readonly answers?: InputAnswer[];
}
interface Kept {
  job: Job;
  readonly events: Event[];
  epoch: string;
}

/** Jobs that say what the test wants them to, when it wants. */
export class FakeService {
  readonly #jobs = new Map<string, Kept>();
  readonly #changes: WatchJobsResponse[] = [];
  /** Calls that stream, as they are open now; each is ended with an error by calling it. */
  readonly open = new Map<() => void, string>();
  /** How many calls that stream there have been. */
  made = 0;
  /** The requests to start a job, also those that failed. */
  readonly asked: StartGenerationRequest[] = [];
  /** Whether all calls fail. */
  away = false;
  /** What it says against every start. */
  refuses: ConnectError | undefined;
  /** How many jobs are started without anybody hearing of it in answer. */
  unheard = 0;
  /** The first answer's job, by question. */
  readonly #answered = new Map<string, string>();
  readonly #waiting = new Set<() => void>();

  readonly transport = (): Transport =>
    createRouterTransport((router: ConnectRouter) => router.service(JobService, this.#methods));

  /** Begins a job. */
  begin(id: string, conversationId = "", { previousJobId = "", answers = [] }: Before = {}): Job {
    const createTime = timestampFromMs(1_000 * (this.#jobs.size + 1));
    const job = create(JobSchema, { id, conversationId, previousJobId, status: JobStatus.RUNNING, createTime });
    this.#jobs.set(id, { job, events: [], epoch: "e1" });
    for (const { inputRequestId } of answers) this.#answered.set(inputRequestId, id);
    this.say(id, { payload: { case: "jobCreated", value: { job, answers } } });
    this.say(id, { payload: { case: "partStarted", value: { part: { kind: { case: "text", value: {} } } } } });
    this.#tell(job);
    return job;
  }

  /** Asks people, and ends the job for it. */
  ask(id: string, ...questions: MessageInitShape<typeof InputRequestSchema>[]): void {
    for (const inputRequest of questions)
      this.say(id, { payload: { case: "inputRequested", value: { inputRequest } } });
    this.end(id, FinishReason.INPUT_REQUIRED);
  }

  /** A question has its answer in a job that was deleted. */
  deleteAnswered(questionId: string, jobId: string): void {
    this.#answered.set(questionId, jobId);
  }

  /** Adds an event to a job's log. */
  say(id: string, said: Said): void {
    const { events } = this.#job(id);
    events.push(create(EventSchema, { ...said, offset: events.length + 1 }));
    this.#wakeAll();
  }

  /** Adds text. */
  text(id: string, text: string): void {
    this.say(id, { payload: { case: "textDelta", value: { text } } });
  }

  /** Ends a job well. */
  end(id: string, finishReason = FinishReason.STOP): void {
    const kept = this.#job(id);
    kept.job = { ...kept.job, status: JobStatus.COMPLETED, finishReason };
    this.say(id, { payload: { case: "jobCompleted", value: { finishReason } } });
    this.#tell(kept.job);
  }

  /** The job changes hands. */
  takeOver(id: string, epoch: string): void {
    this.#job(id).epoch = epoch;
  }

  /** Breaks all calls that stream. */
  cut(): void {
    for (const breakIt of [...this.open.keys()]) breakIt();
  }

  /** The log of a job. */
  log(id: string): readonly Event[] {
    return this.#job(id).events;
  }

  readonly #methods: Partial<ServiceImpl<typeof JobService>> = {
    streamJob: (request, { signal }) => this.#calls(`job ${request.jobId}`, signal, () => this.#follow(request)),
    watchJobs: (request, { signal }) => this.#calls("watch", signal, () => this.#watch(request)),
    startGeneration: (request) => ({ job: this.#start(request) }),
    listJobs: (request) => ({ jobs: this.#list(request) }),
  };

  #start(request: StartGenerationRequest): Job {
    this.asked.push(request);
    if (this.away) throw CUT;
    if (this.refuses) throw this.refuses;
    const { requestId, previousJobId, answers } = request;
    const again = this.#jobs.get(requestId);
    if (again) return again.job;
    const first = answers.map(({ inputRequestId }) => this.#answered.get(inputRequestId)).find((id) => id);
    if (first) throw error(Code.FailedPrecondition, "INPUT_ANSWERED", undefined, undefined, first);
    const job = this.begin(requestId, this.#job(previousJobId).job.conversationId, { previousJobId, answers });
    if (this.unheard-- > 0) throw CUT;
    return job;
  }

  #list({ conversationId }: ListJobsRequest): Job[] {
    if (this.away) throw CUT;
    const all = [...this.#jobs.values()].map(({ job }) => job).reverse();
    return all.filter((job) => !conversationId || job.conversationId === conversationId);
  }

  /** Yields what `next` gives, again whenever something has changed, until it says that it is done. */
  async *#calls<T>(name: string, signal: AbortSignal, begin: () => () => { messages: T[]; done: boolean }) {
    let broken = false;
    const breakIt = () => {
      broken = true;
      this.#wakeAll();
    };
    this.open.set(breakIt, name);
    this.made += 1;
    signal.addEventListener("abort", () => {
      this.open.delete(breakIt);
      this.#wakeAll();
    });
    try {
      const next = begin();
      while (!signal.aborted) {
        if (broken || this.away) throw CUT;
        const { messages, done } = next();
        yield* messages;
        if (done) return;
        await this.#change();
      }
    } finally {
      this.open.delete(breakIt);
    }
  }

  #follow({ jobId, afterOffset, catchUp }: StreamJobRequest) {
    const kept = this.#job(jobId);
    let [offset, told] = [afterOffset, ""];
    return () => {
      const { events, epoch, job } = kept;
      const [lastOffset, closed] = [events.length, job.status === JobStatus.COMPLETED];
      const messages = [];
      if (catchUp === CatchUpMode.SNAPSHOT && told === "") {
        const fold = new Fold();
        for (const event of events) fold.apply(event);
        messages.push({ epoch, lastOffset, closed, snapshot: fold.state });
        offset = lastOffset;
      }
      if (told !== epoch || offset < lastOffset)
        messages.push({ epoch, lastOffset, closed, events: events.slice(offset) });
      [offset, told] = [lastOffset, epoch];
      return { messages, done: closed };
    };
  }

  #watch({ watchToken, conversationId }: WatchJobsRequest) {
    const mine = ({ job }: Kept) => !conversationId || job.conversationId === conversationId;
    let at = watchToken ? Number(watchToken) : this.#changes.length;
    const standing = [...this.#jobs.values()].filter(mine).map(({ job }) => job);
    const open = standing.filter(({ status }) => status === JobStatus.RUNNING);
    let messages: WatchJobsResponse[] = [{ ...this.#changed(), jobs: open, caughtUp: true }];
    return () => {
      messages.push(...this.#changes.slice(at));
      at = this.#changes.length;
      const now = messages;
      messages = [];
      return { messages: now, done: false };
    };
  }

  #tell(job: Job): void {
    this.#changes.push({ ...this.#changed(), jobs: [job], watchToken: `${this.#changes.length + 1}` });
    this.#wakeAll();
  }

  #changed(): WatchJobsResponse {
    return create(WatchJobsResponseSchema, { watchToken: `${this.#changes.length}` });
  }

  #job(id: string): Kept {
    const kept = this.#jobs.get(id);
    if (!kept) throw error(Code.NotFound, "JOB_NOT_FOUND");
    return kept;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  #wakeAll(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
