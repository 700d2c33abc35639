/** Messages of the AI SDK as what a generation is asked. */

import { create } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import type { UIMessage } from "ai";

import {
  type ChatMessage,
  ChatMessageSchema,
  type Citation,
  CitationSchema,
  type ContentPart,
  ContentPartSchema,
  Role,
  ToolCallStatus,
  ToolRunner,
  type ToolResultPart,
  ToolResultPartSchema,
} from "../gen/streamsvc/v1/content_pb.js";
import type { UIPart } from "./parts.js";

const ROLES = { system: Role.SYSTEM, user: Role.USER, assistant: Role.ASSISTANT } as const;
const DATA_URL = /^data:([^;,]*);base64,/;

/** Parts that are about an answer and not of it. */
const ABOUT = ["data-step", "data-question", "data-file"];

type Kind = ContentPart["kind"];
type Extra = Readonly<Record<string, string>>;

/** The conversation as it is sent; a message in which nothing is to be sent is left out. */
export function chatMessagesOf(messages: readonly UIMessage[]): ChatMessage[] {
  return messages.map(chatMessageOf).filter(({ parts }) => parts.length > 0);
}

function chatMessageOf({ id, role, parts, metadata }: UIMessage): ChatMessage {
  const sent: ContentPart[] = [];
  for (const part of parts) {
    const kind = kindOf(part, role);
    if (kind) sent.push(create(ContentPartSchema, { kind, upstreamJson: extraOf(part)["upstreamJson"] ?? "" }));
    const source = sourceOf(part);
    const text = [...sent].reverse().find((one) => one.kind.case === "text")?.kind;
    if (source && text?.case === "text") text.value.citations.push(source);
  }
  const facts = Object.entries(role === "user" ? (metadata ?? {}) : {});
  const texts = facts.filter((fact): fact is [string, string] => typeof fact[1] === "string");
  return create(ChatMessageSchema, { id, role: ROLES[role], parts: sent, metadata: Object.fromEntries(texts) });
}

function kindOf(part: UIPart, role: UIMessage["role"]): Kind | undefined {
  const extra = extraOf(part);
  const made = (kind: Parameters<typeof create<typeof ContentPartSchema>>[1] & object) =>
    create(ContentPartSchema, kind).kind;
  if (part.type === "text") {
    const value = { text: part.text, refusal: Boolean(extra["refusal"]) };
    return part.text ? made({ kind: { case: "text", value } }) : undefined;
  }
  if (part.type === "reasoning") {
    const value = { text: part.text, summary: Boolean(extra["summary"]) };
    return made({ kind: { case: "reasoning", value } });
  }
  if (part.type === "file") {
    const value = {
      source: sourceOfFile(part.url),
      mediaType: part.mediaType,
      name: part.filename ?? extra["filename"] ?? "",
    };
    return made({ kind: { case: "file", value } });
  }
  if ("toolCallId" in part) return made({ kind: { case: "toolCall", value: toolCall(part) } });
  // What a generation kept under a key was for the page.
  const own = role === "user" || ("id" in part && /^[0-9a-f]{32}-[0-9]+$/.test(`${part.id}`));
  if (!part.type.startsWith("data-") || ABOUT.includes(part.type) || !own || !("data" in part)) return undefined;
  return made({
    kind: { case: "data", value: { name: part.type.slice("data-".length), json: JSON.stringify(part.data) } },
  });
}

function extraOf(part: UIPart): Extra {
  const of = part as { readonly [key: string]: { readonly streamsvc?: Extra } | undefined };
  const metadata = of["providerMetadata"] ?? of["resultProviderMetadata"] ?? of["callProviderMetadata"];
  return metadata?.streamsvc ?? {};
}

function sourceOfFile(url: string) {
  const inline = DATA_URL.exec(url);
  if (!inline) return { case: "url" as const, value: url };
  return { case: "data" as const, value: base64Decode(url.slice(inline[0].length)) };
}

function toolCall(part: Extract<UIPart, { toolCallId: string }>) {
  const name = part.type === "dynamic-tool" ? part.toolName : part.type.slice("tool-".length);
  const { toolCallId: callId, state, title = "", providerExecuted } = part;
  const runner = providerExecuted ? ToolRunner.PRODUCER : ToolRunner.CALLER;
  const argumentsJson = state === "input-streaming" ? (part.rawInput ?? "") : JSON.stringify(part.input ?? {});
  const called = { callId, name, argumentsJson, runner, title };
  if (state === "output-available") {
    return { ...called, status: ToolCallStatus.SUCCEEDED, results: [result(part.output)] };
  }
  if (state === "output-error") return { ...called, status: ToolCallStatus.FAILED, results: [result(part.errorText)] };
  if (state === "output-denied") return { ...called, status: ToolCallStatus.DENIED };
  return { ...called, status: state === "input-streaming" ? ToolCallStatus.WRITING : ToolCallStatus.READY };
}

function result(value: unknown): ToolResultPart {
  const kind =
    typeof value === "string"
      ? { case: "text" as const, value }
      : { case: "json" as const, value: JSON.stringify(value ?? null) };
  return create(ToolResultPartSchema, { kind });
}

function sourceOf(part: UIPart): Citation | undefined {
  if (part.type !== "source-url" && part.type !== "source-document") return undefined;
  const { sourceId = part.sourceId, startIndex = 0, endIndex = 0, snippet = "", upstreamJson = "" } = extraOf(part);
  const place = { startIndex: Number(startIndex), endIndex: Number(endIndex) };
  const source =
    part.type === "source-url"
      ? { case: "url" as const, value: part.url }
      : { case: "document" as const, value: { name: part.filename ?? part.title, mediaType: part.mediaType } };
  return create(CitationSchema, { sourceId, title: part.title ?? "", snippet, upstreamJson, source, ...place });
}
