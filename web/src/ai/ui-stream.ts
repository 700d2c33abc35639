/** A job's stream as the AI SDK's stream of chunks. */

import type { FinishReason as UIFinishReason, UIMessage, UIMessageChunk } from "ai";

import { FinishReason, JobStatus } from "../gen/streamsvc/v1/job_pb.js";
import type { JobState } from "../gen/streamsvc/v1/state_pb.js";
import { type Item, isSnapshot, type JobStream } from "../stream.js";
import { Chunks } from "./chunks.js";
import { hasEnded, messageOf } from "./message.js";
import { parsed } from "./parts.js";

/** How a stream of chunks begins, and what is done with what chunks cannot say. */
export interface UIStreamOptions {
  /** The states of the jobs whose message this one carries on, oldest first. */
  readonly before?: readonly JobState[];
  /** The message as it is shown already; chunks then only add to it. */
  readonly shown?: UIMessage;
  /**
   * Called with the message when something was taken back, which chunks cannot say: the answer began anew, or a part was
   * replaced. If it returns true, it is called with each later message too, and no chunk speaks of parts any more.
   * Otherwise all is said anew, below what stands there.
   */
  readonly replaced?: (message: UIMessage) => boolean;
  /** Called when nothing more will come. */
  readonly ended?: () => void;
}

const FINISH_REASONS: Readonly<Partial<Record<FinishReason, UIFinishReason>>> = {
  [FinishReason.STOP]: "stop",
  [FinishReason.LENGTH]: "length",
  [FinishReason.CONTEXT_LENGTH]: "length",
  [FinishReason.TOOL_CALLS]: "tool-calls",
  [FinishReason.INPUT_REQUIRED]: "tool-calls",
  [FinishReason.CONTENT_FILTER]: "content-filter",
  [FinishReason.REFUSAL]: "content-filter",
};

/**
 * The chunks of a job that is followed with `{ fold: true }`, for `useChat`, `readUIMessageStream` or
 * `createUIMessageStreamResponse`.
 *
 * It is read as fast as the chunks are, and closed with them. An error of the job is a chunk; the stream itself fails
 * with the StreamsvcError that ends `job`.
 */
export function toUIMessageStream(job: JobStream, options: UIStreamOptions = {}): ReadableStream<UIMessageChunk> {
  const chunks = told(job, options);
  return new ReadableStream({
    async pull(controller) {
      let next = await chunks.next();
      // A pull that brings nothing is not called again.
      while (!next.done && next.value.length === 0) next = await chunks.next();
      if (next.done) controller.close();
      else for (const chunk of next.value) controller.enqueue(chunk);
    },
    cancel() {
      job.close();
      options.ended?.();
    },
  });
}

async function* told(job: JobStream, options: UIStreamOptions): AsyncGenerator<UIMessageChunk[], void> {
  const telling = new Telling(options);
  try {
    for await (const news of job.messages()) {
      const passing = [...news].flatMap(passingOf);
      if (job.state.job) yield [...telling.tell(job.state), ...passing];
    }
    if (job.finished) yield telling.end(job.state);
  } finally {
    options.ended?.();
  }
}

/** Tells of one message, by chunks as long as they can. */
class Telling {
  readonly #chunks: Chunks;
  #begun = false;
  #elsewhere = false;

  constructor(private readonly options: UIStreamOptions) {
    this.#chunks = new Chunks(options.shown);
  }

  tell(state: JobState): UIMessageChunk[] {
    const { before = [], shown, replaced } = this.options;
    const message = messageOf([...before, state]);
    if (this.#elsewhere) {
      replaced?.(message);
      return [];
    }
    const start: UIMessageChunk[] = this.#begun ? [] : [{ type: "start", ...(shown ? {} : { messageId: message.id }) }];
    this.#begun = true;
    const chunks = this.#chunks.to(message);
    if (chunks) return [...start, ...chunks];
    this.#elsewhere = replaced?.(message) ?? false;
    return this.#elsewhere ? start : [...start, ...this.#chunks.again(message)];
  }

  end({ job }: JobState): UIMessageChunk[] {
    if (!hasEnded(job)) return [];
    if (job?.status === JobStatus.CANCELLED) return [{ type: "abort" }];
    if (job?.status === JobStatus.FAILED) {
      return [{ type: "error", errorText: job.error?.message || job.error?.reason || "The generation failed." }];
    }
    const finishReason = FINISH_REASONS[job?.finishReason ?? FinishReason.OTHER] ?? "other";
    return [{ type: "finish-step" }, { type: "finish", finishReason }];
  }
}

/** What no state keeps: events that pass, and errors that did not end the job. */
function passingOf(item: Item): UIMessageChunk[] {
  if (isSnapshot(item)) return [];
  const { payload } = item;
  if (payload.case === "custom" && !payload.value.key) {
    const { name, json } = payload.value;
    return [{ type: `data-${name}`, data: parsed(json), transient: true }];
  }
  if (payload.case !== "errorReported") return [];
  const { reason = "", message = "", retryable = false } = payload.value.error ?? {};
  return [{ type: "data-error", data: { reason, message, retryable }, transient: true }];
}
