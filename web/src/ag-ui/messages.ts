/** What the parts of an answer are in AG-UI: messages, calls with their results, activities. */

import type { ContentPart as AgUiPart, Interrupt, Message, Metadata, PartSource, TokenUsage } from "@ag-ui/core";
import {
  create,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  toJson,
} from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";

import {
  type ContentPart,
  ContentPartSchema,
  type FilePart,
  FilePartSchema,
  type InputRequest,
  InputRequestSchema,
  Role,
  type ToolCallPart,
  ToolCallPartSchema,
  ToolCallStatus,
  type ToolResultPart,
  type Usage,
} from "../gen/streamsvc/v1/content_pb.js";
import { FinishReason } from "../gen/streamsvc/v1/job_pb.js";
import type { JobState } from "../gen/streamsvc/v1/state_pb.js";
import { COUNTS } from "../usage.js";
import { present } from "./events.js";

/** The key of metadata that AG-UI has no words for, and the first word of the names of custom events. */
export const OURS = "streamsvc";

/** The activity that shows a file. */
export const FILE = `${OURS}.file`;

const ENDED = [ToolCallStatus.SUCCEEDED, ToolCallStatus.FAILED, ToolCallStatus.DENIED];
const WRITING = [ToolCallStatus.UNSPECIFIED, ToolCallStatus.WRITING];

/** What of each kind a message says itself. */
const SAID: Readonly<Record<string, readonly string[]>> = {
  text: ["text"],
  reasoning: ["text"],
  toolCall: ["callId", "name", "argumentsJson", "status", "results"],
};

/**
 * The conversation: the messages `before` the job's own, and what the job has said.
 *
 * Who asks for a run again may send what it has of the answer already; that is left out of `before`. A client that gets
 * no reasoning in a snapshot keeps what it has. So the snapshot of a job that was taken over, and
 * perhaps begun anew, always holds some, if only an empty message.
 */
export function messagesOf(state: JobState, before: readonly Message[]): Message[] {
  const id = jobId(state);
  const others = before.filter((message) => !saidBy(id, message.id));
  const all = [...others, ...state.parts.flatMap((part) => messages(id, part))];
  if ((state.job?.attempt ?? 0) > 1 && !all.some(({ role }) => role === "reasoning")) {
    all.splice(others.length, 0, { id: `${id}-reasoning`, role: "reasoning", content: "" });
  }
  return all;
}

function saidBy(job: string, message: string): boolean {
  return message.startsWith(`${job}-`) && !message.startsWith(`${job}-input-`);
}

/** What the job was asked, as messages of people: their text. */
export function askedOf(state: JobState): Message[] {
  return state.input.flatMap(({ id, role, parts }, place): Message[] => {
    const texts = parts.flatMap(({ kind }) => (kind.case === "text" ? [kind.value.text] : []));
    const asked = { id: id || `${jobId(state)}-input-${place}`, role: "user", content: texts.join("\n\n") } as const;
    return role === Role.USER ? [asked] : [];
  });
}

/** The id of the message that a part is. It names the kind, since a job begun anew counts anew. */
export function messageId(job: string, { index, kind }: ContentPart): string {
  return `${job}-${kind.case === "toolCall" ? "tool_call" : kind.case}-${index}`;
}

/** The id of the message with the result of a call. */
export function resultId(job: string, { index }: ContentPart): string {
  return `${job}-result-${index}`;
}

/** The id of a call: that of the model, if it gave one. Undefined for what is no call. */
export function callId(job: string, part: ContentPart): string | undefined {
  return part.kind.case === "toolCall" ? part.kind.value.callId || messageId(job, part) : undefined;
}

/** What AG-UI has no field for: step, citations, who runs a tool, and so on. */
export function metadataOf(part: ContentPart): Metadata | undefined {
  const said = SAID[part.kind.case ?? ""];
  const bare = said ? part : { ...part, kind: { case: undefined } };
  const rest = without(json(ContentPartSchema, bare), ["index", "completed", "upstreamJson"]);
  if (!said) return ours(rest);
  const kind = part.kind.case as string;
  const left = without(rest[kind] as JsonObject, said);
  return ours(isEmpty(left) ? without(rest, [kind]) : { ...rest, [kind]: left });
}

/** Metadata that holds protobuf JSON; undefined if that says nothing. */
export function ours(said: JsonObject): Metadata | undefined {
  return isEmpty(said) ? undefined : { [OURS]: said };
}

/** A message as protobuf JSON. */
export function json<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): JsonObject {
  return toJson(schema, message) as JsonObject;
}

/** The value of JSON text: undefined if there is no text, the text itself if it is no JSON. */
export function jsonOf(text: string): JsonValue | undefined {
  try {
    return text ? (JSON.parse(text) as JsonValue) : undefined;
  } catch {
    return text;
  }
}

/** What the upstream needs back with a part: as the agent gave it, if it was an agent's. */
export function encrypted({ upstreamJson }: ContentPart): string | undefined {
  const held = jsonOf(upstreamJson);
  if (!isObject(held)) return upstreamJson || undefined;
  const value = held["encryptedValue"];
  return Object.keys(held).length === 1 && typeof value === "string" ? value : upstreamJson;
}

/** Whether nothing more is added to a part; for a call: to its arguments. */
export function isWritten({ completed, kind }: ContentPart): boolean {
  return completed || (kind.case === "toolCall" && !WRITING.includes(kind.value.status));
}

/** Whether a part is a call that has its last result. */
export function isAnswered({ completed, kind }: ContentPart): boolean {
  if (kind.case !== "toolCall") return false;
  return ENDED.includes(kind.value.status) || (completed && kind.value.results.length > 0);
}

/** The type and the content of the activity that data or a file is. */
export function activityOf({ kind }: ContentPart): { activityType: string; content: JsonObject } {
  if (kind.case === "file") return { activityType: FILE, content: json(FilePartSchema, kind.value) };
  if (kind.case !== "data") throw new Error("only data and files are activities");
  const value = jsonOf(kind.value.json) ?? null;
  return { activityType: kind.value.name, content: isObject(value) ? value : { value } };
}

/** What a tool gave: a text if it is one text, else parts. */
export function resultOf({ results }: ToolCallPart): string | AgUiPart[] {
  const [first] = results;
  if (!first) return "";
  if (results.length === 1 && (first.kind.case === "text" || first.kind.case === "json")) return first.kind.value;
  return results.map(resultPart);
}

/** How a call ended: a result does not say whether it is a failure. */
export function resultMetadata({ status }: ToolCallPart): Metadata | undefined {
  return ours(json(ToolCallPartSchema, create(ToolCallPartSchema, { status })));
}

/** The tokens used, by model. */
export function usageOf({ usageEntries }: JobState): TokenUsage[] | undefined {
  const sums = new Map<string, TokenUsage>();
  for (const { model, usage } of usageEntries)
    sums.set(model, added(sums.get(model) ?? (model ? { model } : {}), usage));
  return sums.size > 0 ? [...sums.values()] : undefined;
}

/** The questions of a job that waits for people. Each names its job, so that an answer finds it. */
export function interruptsOf(state: JobState): Interrupt[] {
  const waits = state.job?.finishReason === FinishReason.INPUT_REQUIRED;
  return waits ? state.inputRequests.map((request) => interrupt(state, request)) : [];
}

export function jobId({ job }: JobState): string {
  return job?.id ?? "";
}

function interrupt(state: JobState, request: InputRequest): Interrupt {
  const about = request.partIndex === undefined ? undefined : state.parts[request.partIndex];
  const schema = jsonOf(request.schemaJson);
  const said = ["id", "type", "message", "schemaJson", "expireTime"];
  return present<Interrupt>({
    id: `${jobId(state)}:${request.id}`,
    reason: request.type || "question",
    message: request.message || undefined,
    toolCallId: about && callId(jobId(state), about),
    responseSchema: isObject(schema) ? schema : undefined,
    expiresAt: request.expireTime && toJson(TimestampSchema, request.expireTime),
    metadata: ours(without(json(InputRequestSchema, request), said)),
  });
}

function messages(job: string, part: ContentPart): Message[] {
  const id = messageId(job, part);
  const about = present({ metadata: metadataOf(part), encryptedValue: encrypted(part) });
  switch (part.kind.case) {
    case "text":
      return [{ id, role: "assistant", content: part.kind.value.text, ...about }];
    case "reasoning":
      return [{ id, role: "reasoning", content: part.kind.value.text, ...about }];
    case "toolCall": {
      const call = part.kind.value;
      const { name, argumentsJson } = call;
      const toolCallId = callId(job, part) ?? "";
      const called = {
        id: toolCallId,
        type: "function",
        function: { name, arguments: argumentsJson },
        ...about,
      } as const;
      const asked: Message = { id, role: "assistant", toolCalls: [called] };
      if (!isAnswered(part)) return [asked];
      const result = { id: resultId(job, part), role: "tool", toolCallId, content: resultOf(call) } as const;
      return [asked, { ...result, ...present({ metadata: resultMetadata(call) }) }];
    }
    case "file":
    case "data":
      return [{ id, role: "activity", ...activityOf(part), ...present({ metadata: metadataOf(part) }) }];
    case undefined:
      return [];
  }
}

function resultPart({ kind }: ToolResultPart): AgUiPart {
  if (kind.case !== "file") return { type: "text", text: kind.value ?? "" };
  const { mediaType, name } = kind.value;
  const source = sourceOf(kind.value);
  if (!source) return { type: "text", text: name || mediaType };
  const family = mediaType.split("/", 1)[0];
  return { type: family === "image" || family === "audio" || family === "video" ? family : "document", source };
}

function sourceOf({ mediaType, source }: FilePart): PartSource | undefined {
  const mimeType = mediaType || undefined;
  switch (source.case) {
    case "data":
      return { type: "data", value: base64Encode(source.value), mimeType: mediaType };
    case "url":
      return present<PartSource & { type: "url" }>({ type: "url", value: source.value, mimeType });
    case "fileId":
      return { type: "file", value: source.value, ...present({ mimeType }) };
    case undefined:
      return undefined;
  }
}

function added(sum: TokenUsage, usage: Usage | undefined): TokenUsage {
  const counts = COUNTS.map((name): [string, number] => [name, (sum[name] ?? 0) + Math.max(0, usage?.[name] ?? 0)]);
  return { ...sum, ...Object.fromEntries<number>(counts) };
}

function without(object: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isEmpty(object: object): boolean {
  return Object.keys(object).length === 0;
}
