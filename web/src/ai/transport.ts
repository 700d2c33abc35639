/** The transport of `useChat` that starts jobs and follows them. */

import type { ChatTransport, UIMessage, UIMessageChunk } from "ai";

import type { Answers, StartRequest, StreamsvcClient } from "../client.js";
import { answeredIn, StreamsvcError } from "../errors.js";
import { InputDecision } from "../gen/streamsvc/v1/content_pb.js";
import { type Job, JobStatus } from "../gen/streamsvc/v1/job_pb.js";
import { CatchUpMode, ConcurrencyPolicy } from "../gen/streamsvc/v1/job_service_pb.js";
import type { JobState } from "../gen/streamsvc/v1/state_pb.js";
import { ChatHere } from "./here.js";
import { History } from "./history.js";
import { chatMessagesOf } from "./sent.js";
import { toUIMessageStream, type UIStreamOptions } from "./ui-stream.js";

/** What all requests of a chat have: producer, model, parameters, labels and so on. */
export type Defaults = Partial<Exclude<StartRequest, { $typeName: string }>>;

/** The `body` of one send: the same for it alone, or answers to questions of the newest job. */
export type SendBody = Defaults & { readonly answers?: Answers };

type Sending<M extends UIMessage> = Parameters<ChatTransport<M>["sendMessages"]>[0];
type Reconnecting<M extends UIMessage> = Parameters<ChatTransport<M>["reconnectToStream"]>[0];

/**
 * A chat is a conversation, a message of a person is a request, and its answer is a job.
 *
 *     const transport = new StreamsvcTransport(new StreamsvcClient("https://chat.example.com"), { model: "smollm2" });
 *     const chat = useChat({ id, transport });
 *
 * Lost connections are not seen: the client resumes. A message that is sent again is one job. Stop cancels the job;
 * leaving the page, or a component under `useLiveChat`, does not.
 */
export class StreamsvcTransport<M extends UIMessage = UIMessage> implements ChatTransport<M> {
  /** What is resumed is told from its beginning. */
  readonly resumeStreamIsReplay = true;
  readonly history: History;
  readonly #chats = new Map<string, ChatHere>();

  constructor(
    readonly client: StreamsvcClient,
    private readonly defaults: Defaults = {},
  ) {
    this.history = new History(client);
  }

  /** What this page does with a chat. */
  here(chatId: string): ChatHere {
    const here = this.#chats.get(chatId) ?? new ChatHere();
    this.#chats.set(chatId, here);
    return here;
  }

  /** Sends what is new in `messages`: what a person said last, or answers and results for the answer that is last. */
  readonly sendMessages = async (sending: Sending<M>): Promise<ReadableStream<UIMessageChunk>> => {
    const here = this.here(sending.chatId);
    const release = here.hold();
    here.notice(sending.abortSignal);
    try {
      const shown = sending.messages.at(-1);
      if (shown?.role !== "assistant") return this.#follow(here, await this.#ask(here, sending), sending.abortSignal);
      const job = await this.#carryOn(sending, shown);
      const state = await this.history.state(job.id);
      const before = state ? await this.history.before(state) : [];
      return this.#follow(here, job, sending.abortSignal, { before, shown });
    } finally {
      release();
    }
  };

  /** Follows the newest job of the chat that runs, from its beginning; null if none does. */
  readonly reconnectToStream = async ({ chatId, abortSignal }: Reconnecting<M>) => {
    const here = this.here(chatId);
    const release = here.hold();
    here.resumed += 1;
    here.notice(abortSignal);
    try {
      const statuses = [JobStatus.PENDING, JobStatus.RUNNING];
      for await (const job of this.client.jobs({ conversationId: chatId, statuses })) {
        const state = await this.history.state(job.id);
        if (!state || abortSignal?.aborted) return null;
        return this.#follow(here, job, abortSignal, { before: await this.history.before(state) });
      }
      return null;
    } finally {
      release();
    }
  };

  /** Starts the job that answers what a person said last. */
  async #ask(here: ChatHere, sending: Sending<M>): Promise<Job> {
    const asked = sending.messages.at(-1)?.id ?? "";
    const start = (replaced: string | undefined) =>
      this.#start(sending, [sending.chatId, asked, replaced].filter(Boolean).join("."));
    const job = await start(here.answers.get(asked)).catch((error: unknown) => {
      // The message was changed after it had been sent from another page: it is another question then.
      if (!(error instanceof StreamsvcError) || error.reason !== "REQUEST_ID_REUSED") throw error;
      return start(error.metadata["job_id"]);
    });
    here.answers.set(asked, job.id);
    return job;
  }

  /** Starts the job that goes on with an answer that waits for people or for tools of the page. */
  async #carryOn(sending: Sending<M>, last: M): Promise<Job> {
    const { chatId, body } = sending;
    const jobId = jobOf(last);
    const asking = jobId ? await this.history.state(jobId) : undefined;
    const answers = (body as SendBody | undefined)?.answers ?? (asking && approvalsOf(last, asking)) ?? [];
    if (answers.length === 0) return this.#start(sending, [chatId, last.id, jobId].join("."));
    try {
      return await this.client.answer(jobId, answers);
    } catch (error) {
      const first = answeredIn(error);
      const job = first && (await this.history.state(first))?.job;
      if (!job) throw error;
      return job;
    }
  }

  #start({ chatId, messages, body }: Sending<M>, requestId: string): Promise<Job> {
    return this.client.start({
      // What a person sends while an answer is under way is sent in its place.
      concurrency: ConcurrencyPolicy.REPLACE,
      ...this.defaults,
      ...body,
      requestId,
      conversationId: chatId,
      messages: chatMessagesOf(messages),
      previousJobId: messages.map(jobOf).reverse().find(Boolean) ?? "",
    });
  }

  #follow(
    here: ChatHere,
    job: Job,
    signal: AbortSignal | undefined,
    options: UIStreamOptions = {},
  ): ReadableStream<UIMessageChunk> {
    const replaced = (message: UIMessage) => {
      here.keeper?.replaced(message);
      return here.keeper !== undefined;
    };
    const stopped = () => void (signal && this.#stopped(here, job, signal));
    const release = here.hold();
    const ended = () => {
      signal?.removeEventListener("abort", stopped);
      release();
    };
    signal?.addEventListener("abort", stopped);
    if (signal?.aborted) stopped();
    return toUIMessageStream(this.client.stream(job.id, { fold: true }), { ...options, replaced, ended });
  }

  /** Cancels a job that a person stopped, and waits for its end. */
  async #stopped(here: ChatHere, job: Job, signal: AbortSignal): Promise<void> {
    const release = here.hold();
    const { resumed } = here;
    try {
      await Promise.resolve();
      // useChat also gives up what it resumes when it resumes again, and ai 7 when its component is taken away.
      if (here.wasLeft(signal) || here.resumed !== resumed) return;
      await this.client.cancel(job.id, "stopped by the reader");
      for await (const _ of this.client.stream(job.id, { catchUp: CatchUpMode.SKIP }));
    } catch {
      // Out of reach: it runs on, and whoever keeps the page in step sees it.
    } finally {
      release();
    }
  }
}

/** The newest job of an answer; empty for any other message. */
function jobOf({ role, metadata }: UIMessage): string {
  const { jobId } = (metadata ?? {}) as { readonly jobId?: unknown };
  return role === "assistant" && typeof jobId === "string" ? jobId : "";
}

/** What a person decided in `message` about the questions of the job that asked. */
function approvalsOf({ parts }: UIMessage, { inputRequests }: JobState): Answers {
  const asked = new Set(inputRequests.map(({ id }) => id));
  return parts.flatMap((part) => {
    if (!("approval" in part) || part.approval?.approved === undefined || !asked.has(part.approval.id)) return [];
    const { id: inputRequestId, approved, reason: comment = "" } = part.approval;
    return [{ inputRequestId, decision: approved ? InputDecision.APPROVE : InputDecision.REJECT, comment }];
  });
}
