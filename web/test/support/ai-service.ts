/** A service in this process whose jobs say one word and wait to be ended, and chats of the AI SDK on it. */

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter, createRouterTransport, type Transport } from "@connectrpc/connect";
import * as ai7 from "ai";
import type { ChatState, ChatTransport, UIMessage } from "ai";
import * as ai6 from "ai-6";

import { live } from "../../src/ai/live.js";
import type { StreamsvcTransport } from "../../src/ai/transport.js";
import { Fold } from "../../src/fold.js";
import { type Event, EventSchema } from "../../src/gen/streamsvc/v1/event_pb.js";
import { FinishReason, type Job, JobSchema, JobStatus } from "../../src/gen/streamsvc/v1/job_pb.js";
import { JobService, type StartGenerationRequest } from "../../src/gen/streamsvc/v1/job_service_pb.js";
import { CUT, error } from "./scripted.js";

type Payload = NonNullable<Parameters<typeof create<typeof EventSchema>>[1]>["payload"];

/** Jobs whose ids are those of their requests. */
export class WaitingService {
  readonly asked: StartGenerationRequest[] = [];
  readonly cancelled: string[] = [];
  /** How many jobs are started without anybody hearing of it in answer. */
  unheard = 0;
  /** Which calls are refused, each by its name and its number, for a reason of the service's own. */
  readonly refused: (readonly [name: "getJobState" | "listJobs", number: number])[] = [];
  readonly #calls = { getJobState: 0, listJobs: 0 };
  readonly #jobs = new Map<string, { job: Job; events: Event[] }>();
  #version = 0;
  #changed: () => void = () => {};
  #change = new Promise<void>((resolve) => (this.#changed = resolve));

  readonly transport = (): Transport =>
    createRouterTransport((router: ConnectRouter) =>
      router.service(JobService, {
        startGeneration: (request) => ({ job: this.#start(request) }),
        cancelJob: ({ jobId }) => ({ job: this.#cancel(jobId) }),
        getJobState: ({ jobId }) => this.#unlessRefused("getJobState", { state: this.#state(jobId) }),
        listJobs: ({ statuses }) =>
          this.#unlessRefused("listJobs", {
            jobs: this.#list().filter(({ status }) => !statuses[0] || statuses.includes(status)),
          }),
        streamJob: ({ jobId, afterOffset }, { signal }) => this.#follow(jobId, afterOffset, signal),
        watchJobs: (_, { signal }) => this.#watch(signal),
      }),
    );

  /** Ends a job well. */
  end(id: string, ...payloads: Payload[]): void {
    this.#say(id, JobStatus.COMPLETED, ...payloads, {
      case: "jobCompleted",
      value: { finishReason: FinishReason.STOP },
    });
  }

  /** Has a job fail. */
  fail(id: string, message: string): void {
    this.#say(id, JobStatus.FAILED, {
      case: "jobFailed",
      value: { error: { reason: "UPSTREAM_UNAVAILABLE", message } },
    });
  }

  #unlessRefused<T>(name: "getJobState" | "listJobs", answer: T): T {
    this.#calls[name] += 1;
    const number = this.#calls[name];
    if (this.refused.some((refused) => refused[0] === name && refused[1] === number)) {
      throw error(Code.Internal, "INTERNAL");
    }
    return answer;
  }

  #start(request: StartGenerationRequest): Job {
    this.asked.push(request);
    const { requestId: id, messages, conversationId, previousJobId, answers } = request;
    if (!this.#jobs.has(id)) {
      const createTime = timestampFromMs(this.#jobs.size + 1);
      const job = create(JobSchema, { id, conversationId, previousJobId, createTime, status: JobStatus.PENDING });
      this.#jobs.set(id, { job, events: [] });
      const input = messages.slice(messages.map(({ role }) => role).lastIndexOf(3) + 1);
      const text = { index: 0, kind: { case: "text", value: { text: "word" } } } as const;
      const created: Payload = { case: "jobCreated", value: { job, input, answers } };
      this.#say(
        id,
        JobStatus.RUNNING,
        created,
        { case: "jobStarted", value: {} },
        { case: "partStarted", value: { part: text } },
      );
    }
    if (this.unheard-- > 0) throw CUT;
    return this.#jobs.get(id)?.job as Job;
  }

  #cancel(id: string): Job {
    this.cancelled.push(id);
    const last: Payload = { case: "textDelta", value: { text: " and the last" } };
    return this.#say(id, JobStatus.CANCELLED, last, { case: "jobCancelled", value: {} });
  }

  #say(id: string, status: JobStatus, ...payloads: Payload[]): Job {
    const kept = this.#jobs.get(id) as { job: Job; events: Event[] };
    for (const payload of payloads) {
      kept.events.push(create(EventSchema, { offset: kept.events.length + 1, ...(payload && { payload }) }));
    }
    kept.job = { ...kept.job, status, lastOffset: kept.events.length };
    this.#version += 1;
    this.#changed();
    this.#change = new Promise((resolve) => (this.#changed = resolve));
    return kept.job;
  }

  #state(id: string) {
    const fold = new Fold();
    for (const event of this.#jobs.get(id)?.events ?? []) fold.apply(event);
    return fold.state;
  }

  #list(): Job[] {
    return [...this.#jobs.values()].map(({ job }) => job).reverse();
  }

  async *#follow(id: string, after: number, signal: AbortSignal) {
    for (let offset = after; !signal.aborted;) {
      const { job, events } = this.#jobs.get(id) as { job: Job; events: Event[] };
      const closed = job.status > JobStatus.RUNNING;
      const [change, lastOffset] = [this.#change, events.length];
      yield { epoch: "e", lastOffset, closed, events: events.slice(offset) };
      offset = lastOffset;
      if (closed) return;
      await this.#after(change, signal);
    }
  }

  async *#watch(signal: AbortSignal) {
    while (!signal.aborted) {
      const change = this.#change;
      yield { jobs: this.#list(), watchToken: `${this.#version}`, caughtUp: true };
      await this.#after(change, signal);
    }
  }

  #after(change: Promise<void>, signal: AbortSignal): Promise<void> {
    const left = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    return Promise.race([change, left]);
  }
}

/** What a chat without a framework around it knows. */
class PlainState implements ChatState<UIMessage> {
  status = "ready" as const as ChatState<UIMessage>["status"];
  error: Error | undefined;
  messages: UIMessage[] = [];
  readonly pushMessage = (message: UIMessage) => void (this.messages = [...this.messages, message]);
  readonly popMessage = () => void (this.messages = this.messages.slice(0, -1));
  readonly replaceMessage = (place: number, message: UIMessage) =>
    void (this.messages = this.messages.map((old, i) => (i === place ? structuredClone(message) : old)));
  readonly snapshot = <T>(thing: T): T => structuredClone(thing);
}

class Plain7 extends ai7.AbstractChat<UIMessage> {}
class Plain6 extends (ai6.AbstractChat as unknown as typeof ai7.AbstractChat)<UIMessage> {}

/** Keeps a chat in step with the service, until the function that it returns is called. */
export function follow(
  transport: StreamsvcTransport,
  chat: ai7.AbstractChat<UIMessage>,
  failed: (error?: unknown) => void = () => {},
): () => void {
  const setMessages = (change: (messages: UIMessage[]) => UIMessage[]) => void (chat.messages = change(chat.messages));
  return live(transport, { id: "c", setMessages, resumeStream: chat.resumeStream }, failed);
}

/** By version of the AI SDK: how chats are made. */
export const CHATS = [
  ["6", (transport: ChatTransport<UIMessage>) => new Plain6({ id: "c", transport, state: new PlainState() })],
  ["7", (transport: ChatTransport<UIMessage>) => new Plain7({ id: "c", transport, state: new PlainState() })],
] as const;
