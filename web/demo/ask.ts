/** Asks the next question of a conversation. */

import { create } from "@bufbuild/protobuf";
import {
  type ChatMessage,
  ChatMessageSchema,
  ConcurrencyPolicy,
  type ContentPart,
  ContentPartSchema,
  type JobState,
  Role,
  type StartRequest,
} from "@streamsvc/client";

import type { Model } from "./models.js";

const TITLE_LENGTH = 60;

/**
 * The request that asks `prompt` after what `last` says, which is the conversation so far. A conversation has one
 * answer at a time, whichever tab asked for it.
 */
export function question(
  conversationId: string,
  prompt: string,
  { producer = "", model = "", extra }: Model,
  last?: JobState,
): StartRequest {
  const lastId = last?.job?.id ?? "";
  const said = last?.parts.filter(({ kind }) => kind.case === "text") ?? [];
  return {
    conversationId,
    producer,
    model,
    parameters: { extraJson: extra ? JSON.stringify(extra) : "" },
    messages: [
      ...(last ? [...last.input, message(Role.ASSISTANT, said, lastId)] : []),
      message(Role.USER, [create(ContentPartSchema, { kind: { case: "text", value: { text: prompt } } })]),
    ],
    previousJobId: lastId,
    concurrency: ConcurrencyPolicy.REJECT,
    labels: { title: titleOf(prompt) },
  };
}

function message(role: Role, parts: ContentPart[], id = ""): ChatMessage {
  return create(ChatMessageSchema, { role, parts, id });
}

/** A short name for what was asked. */
function titleOf(prompt: string): string {
  const line = prompt.trim().split("\n", 1)[0] ?? "";
  return line.length > TITLE_LENGTH ? `${line.slice(0, TITLE_LENGTH)}…` : line;
}
