/** Calls of tools as the AI SDK has them: one part each, from the call's first word to its result, over several jobs. */

import {
  type ContentPart,
  type InputAnswer,
  InputDecision,
  type InputRequest,
  ToolCallStatus,
  ToolRunner,
  type ToolResultPart,
} from "../gen/streamsvc/v1/content_pb.js";
import type { JobState } from "../gen/streamsvc/v1/state_pb.js";
import { metadataOf, parsed, type UIPart, urlOf } from "./parts.js";

/** What is known of one call. */
export interface Call {
  readonly id: string;
  /** Where it was told of first. */
  readonly first: ContentPart;
  /** What was said of it last: the job that carries on after an approval may tell of the call again. */
  last: ContentPart;
  /** Whether nothing more comes in the job that told of it last. */
  ended: boolean;
  request?: InputRequest;
  answer?: InputAnswer;
}

/** The calls that the jobs of one message tell of, by the part of each. */
export function callsOf(chain: readonly JobState[], ended: (state: JobState) => boolean): Map<ContentPart, Call> {
  const calls = new Map<string, Call>();
  const byPart = new Map<ContentPart, Call>();
  for (const state of chain) {
    for (const part of state.parts) {
      if (part.kind.case !== "toolCall") continue;
      const id = part.kind.value.callId || `${state.job?.id}-${part.index}`;
      const call = calls.get(id) ?? { id, first: part, last: part, ended: false };
      Object.assign(call, { last: part, ended: ended(state) });
      calls.set(id, call);
      byPart.set(part, call);
    }
    for (const request of state.inputRequests) {
      const call = called(state, request, byPart);
      if (call) call.request = request;
    }
  }
  const answers = new Map(chain.flatMap((state) => state.answers).map((answer) => [answer.inputRequestId, answer]));
  for (const call of calls.values()) {
    const answer = call.request && answers.get(call.request.id);
    if (answer) call.answer = answer;
  }
  return byPart;
}

/** The call that a question is about; undefined for any other question. */
export function called(
  state: JobState,
  { partIndex }: InputRequest,
  calls: ReadonlyMap<ContentPart, Call>,
): Call | undefined {
  const part = partIndex === undefined ? undefined : state.parts[partIndex];
  return part && calls.get(part);
}

/** A question as apps may show it. */
export function questionOf({ id, type, message, schemaJson, decisions, detailJson }: InputRequest) {
  return {
    id,
    type,
    message,
    decisions: decisions.map((decision) => (InputDecision[decision] ?? "").toLowerCase()),
    ...(schemaJson && { schema: parsed(schemaJson) }),
    ...(detailJson && { detail: parsed(detailJson) }),
  };
}

/** A call as a part of a message. */
export function callPart(call: Call): UIPart {
  const { kind, upstreamJson } = call.last;
  if (kind.case !== "toolCall") throw new Error("the part is no call of a tool");
  const { name, title, runner, argumentsJson, results } = kind.value;
  const state = stateOf(call);
  const writing = state === "input-streaming";
  const { providerMetadata } = metadataOf({ upstreamJson });
  return {
    type: `tool-${name}`,
    toolCallId: call.id,
    state,
    ...(title && { title }),
    // Not by this page, at least: helpers such as lastAssistantMessageIsCompleteWithToolCalls must not wait for it.
    ...(runner !== ToolRunner.CALLER && { providerExecuted: true }),
    ...(writing ? argumentsJson && { rawInput: argumentsJson } : { input: parsed(argumentsJson || "{}") }),
    ...(state === "output-available" && { output: outputOf(results) }),
    ...(state === "output-available" && kind.value.status === ToolCallStatus.RUNNING && { preliminary: true }),
    ...(state === "output-error" && { errorText: results.map(inWords).join("\n") || "The tool failed." }),
    ...(!writing &&
      providerMetadata && {
        [["output-available", "output-error"].includes(state) ? "resultProviderMetadata" : "callProviderMetadata"]:
          providerMetadata,
      }),
    ...(!writing && call.request && { approval: approvalOf(call.request, call.answer) }),
  } as UIPart;
}

function stateOf({ last, ended, request, answer }: Call): string {
  if (last.kind.case !== "toolCall") return "input-streaming";
  const { status, runner, results } = last.kind.value;
  if (status === ToolCallStatus.SUCCEEDED) return "output-available";
  if (status === ToolCallStatus.FAILED) return "output-error";
  if (status === ToolCallStatus.DENIED) return "output-denied";
  if (status === ToolCallStatus.RUNNING && results.length > 0) return "output-available";
  if (request) return answer ? "approval-responded" : "approval-requested";
  const written = status === ToolCallStatus.READY || status === ToolCallStatus.RUNNING;
  // A tool of the page is told of once, when all of the call is known: useChat runs it each time that it hears of it.
  const whole = last.completed || ended || runner !== ToolRunner.CALLER;
  return written && whole ? "input-available" : "input-streaming";
}

function approvalOf(request: InputRequest, answer: InputAnswer | undefined) {
  const decided = answer && {
    approved: answer.decision !== InputDecision.REJECT,
    ...(answer.comment && { reason: answer.comment }),
  };
  return { id: request.id, descriptor: questionOf(request), requestReason: request.message, ...decided };
}

function outputOf(results: readonly ToolResultPart[]): unknown {
  const values = results.map(valueOf);
  return values.length > 1 ? values : (values[0] ?? null);
}

function valueOf({ kind }: ToolResultPart): unknown {
  if (kind.case === "json") return parsed(kind.value);
  if (kind.case !== "file") return kind.value ?? null;
  const { mediaType, name: filename } = kind.value;
  return { type: "file", mediaType, url: urlOf(kind.value) ?? "", filename };
}

function inWords({ kind }: ToolResultPart): string {
  return kind.case === "text" || kind.case === "json" ? kind.value : "";
}
