/** A service in this process that keeps its jobs in memory, for what needs more than one call. */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter, createRouterTransport, type ServiceImpl, type Transport } from "@connectrpc/connect";
import { Fold } from "../../src/fold.js";
import { type Event, EventSchema } from "../../src/gen/streamsvc/v1/event_pb.js";
import { type Job, JobSchema, JobStatus } from "../../src/gen/streamsvc/v1/job_pb.js";
import {
  CatchUpMode,
  JobService,
  type StreamJobRequest,
  type WatchJobsRequest,
  type WatchJobsResponse,
  WatchJobsResponseSchema,
} from "../../src/gen/streamsvc/v1/job_service_pb.js";
import { CUT, error } from "./scripted.js";

type Said = MessageInitShape<typeof EventSchema>;
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
  readonly #waiting = new Set<() => void>();

  readonly transport = (): Transport =>
    createRouterTransport((router: ConnectRouter) => router.service(JobService, this.#methods));

  /** Begins a job. */
  begin(id: string, conversationId = ""): void {
    const createTime = timestampFromMs(1_000 * (this.#jobs.size + 1));
    const job = create(JobSchema, { id, conversationId, status: JobStatus.RUNNING, createTime });
    this.#jobs.set(id, { job, events: [], epoch: "e1" });
    this.say(id, { payload: { case: "jobCreated", value: { job } } });
    this.say(id, { payload: { case: "partStarted", value: { part: { kind: { case: "text", value: {} } } } } });
    this.#tell(job);
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
  end(id: string): void {
    const kept = this.#job(id);
    kept.job = { ...kept.job, status: JobStatus.COMPLETED };
    this.say(id, { payload: { case: "jobCompleted", value: {} } });
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
  };

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
        if (broken) throw CUT;
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
