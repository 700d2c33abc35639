/** Jobs as the messages of the AI SDK: what `useChat` shows of a conversation. */

import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { UIMessage } from "ai";

import { type ChatMessage, type ContentPart, RunStepStatus } from "../gen/streamsvc/v1/content_pb.js";
import { FinishReason, type Job, JobStatus } from "../gen/streamsvc/v1/job_pb.js";
import type { JobState } from "../gen/streamsvc/v1/state_pb.js";
import { type Call, called, callPart, callsOf, questionOf } from "./calls.js";
import { madeOnce, parsed, partsOf, type UIPart } from "./parts.js";

/** The metadata of an answer; of several jobs in one message, of the newest. */
export interface AnswerMetadata {
  readonly jobId: string;
  /** pending, running, completed, failed or cancelled. */
  readonly status: string;
  readonly producer: string;
  readonly model: string;
  /** How many producers have written it: 1 unless it was taken over. */
  readonly attempt: number;
  /** In ms since 1970. */
  readonly createdAt?: number;
  readonly finishReason?: string;
  readonly title?: string;
  readonly error?: { readonly reason: string; readonly message: string };
  readonly usage?: Readonly<Record<string, number>>;
}

const FINAL = [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED];

/** Whether nothing more will be said. */
export function hasEnded(job: Job | undefined): boolean {
  return job !== undefined && FINAL.includes(job.status);
}

/**
 * The messages of a conversation, from the states of its jobs, oldest first.
 *
 * A job that was started without anything said by a person carries the message of the previous one on: with answers to
 * its questions, or with what its tools gave. One that answers anew what was answered already takes the place of that
 * and of all that followed.
 */
export function messagesOf(states: readonly JobState[]): UIMessage[] {
  const messages: UIMessage[] = [];
  for (const chain of chainsOf(states)) {
    const input = inputOf(chain[0] as JobState);
    const again = messages.findIndex(({ id }) => id === input[0]?.id);
    if (again >= 0) messages.length = again;
    messages.push(...input, messageOf(chain));
  }
  return messages;
}

/** The jobs of each message, oldest first. */
export function chainsOf(states: readonly JobState[]): JobState[][] {
  const chains: JobState[][] = [];
  for (const state of states) {
    const before = carriesOn(state) && chains.find((chain) => chain.at(-1)?.job?.id === state.job?.previousJobId);
    if (before) before.push(state);
    else chains.push([state]);
  }
  return chains;
}

/** Whether a job carries the message of the previous one on. */
export function carriesOn({ job, input }: JobState): boolean {
  return Boolean(job?.previousJobId) && input.length === 0;
}

/** What people said, that a job answers. */
function inputOf({ job, input }: JobState): UIMessage[] {
  return input.map((message: ChatMessage, i) => ({
    id: message.id || `${job?.id}-input-${i}`,
    role: "user",
    parts: message.parts.flatMap((part) => partsOf(part, `${job?.id}-input`, true)).map(withoutState),
    ...(Object.keys(message.metadata).length > 0 && { metadata: message.metadata }),
  }));
}

function withoutState(part: UIPart): UIPart {
  if (part.type !== "text") return part;
  const { state: _, ...rest } = part;
  return rest;
}

/** The answer of jobs that carry one another on; its id is that of the first. */
export function messageOf(chain: readonly JobState[]): UIMessage<AnswerMetadata> {
  const calls = callsOf(chain, (state) => hasEnded(state.job));
  const parts = chain.flatMap((state) => answerParts(state, calls));
  const newest = chain.at(-1) as JobState;
  return { id: chain[0]?.job?.id ?? "", role: "assistant", metadata: answerMetadata(newest), parts: unique(parts) };
}

function answerParts(state: JobState, calls: ReadonlyMap<ContentPart, Call>): UIPart[] {
  const { job, parts, custom, inputRequests } = state;
  const made: UIPart[] = [{ type: "step-start" }];
  let step: string | undefined;
  for (const part of parts) {
    const call = calls.get(part);
    if (call && call.first !== part) continue;
    if (step !== undefined && step !== part.stepId) made.push({ type: "step-start" });
    step = part.stepId;
    made.push(
      ...(call ? callParts(call) : madeOnce(part, [hasEnded(job)], () => partsOf(part, job?.id ?? "", hasEnded(job)))),
    );
  }
  const questions = inputRequests.filter((request) => !called(state, request, calls));
  return [
    ...made,
    ...stepParts(state),
    ...custom.map(({ name, key, json }): UIPart => ({ type: `data-${name}`, id: key, data: parsed(json) })),
    ...questions.map((request): UIPart => ({ type: "data-question", id: request.id, data: questionOf(request) })),
  ];
}

function callParts(call: Call): readonly UIPart[] {
  return madeOnce(call.last, [call.ended, call.request, call.answer], () => [callPart(call)]);
}

function stepParts({ job, steps }: JobState): UIPart[] {
  return steps.map(({ id, parentId, type, title, status, agentName, detailJson, error }) => ({
    type: "data-step",
    id: `${job?.id}-${id}`,
    data: {
      ...{ id, parentId, type, title, status: (RunStepStatus[status] ?? "").toLowerCase(), agentName },
      ...(detailJson && { detail: parsed(detailJson) }),
      ...(error && { error: error.message || error.reason }),
    },
  }));
}

/** Of data of one type and id only the newest counts; it stands where the first stood. */
function unique(parts: readonly UIPart[]): UIPart[] {
  const kept = new Map<unknown, UIPart>();
  for (const part of parts) {
    const id = part.type.startsWith("data-") && "id" in part ? `${part.type} ${part.id}` : part;
    kept.set(id, part);
  }
  return [...kept.values()];
}

function answerMetadata({ job, usage }: JobState): AnswerMetadata {
  const { id = "", status = JobStatus.PENDING, producer = "", model = "", attempt = 0 } = job ?? {};
  const title = job?.metadata["title"];
  return {
    ...{ jobId: id, status: (JobStatus[status] ?? "").toLowerCase(), producer, model, attempt },
    ...(job?.createTime && { createdAt: timestampMs(job.createTime) }),
    ...(job?.finishReason && { finishReason: (FinishReason[job.finishReason] ?? "").toLowerCase() }),
    ...(title && { title }),
    ...(job?.error && { error: { reason: job.error.reason, message: job.error.message } }),
    ...(usage && {
      usage: {
        inputTokens: usage.inputTokens,
        outputTokens: usage.outputTokens,
        totalTokens: usage.inputTokens + usage.outputTokens,
        reasoningTokens: usage.reasoningTokens,
        cachedInputTokens: usage.cachedInputTokens,
      },
    }),
  };
}
