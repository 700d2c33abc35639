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
  type StreamsvcClient,
} from "@streamsvc/client";

import type { Model } from "./models.js";

const TITLE_LENGTH = 60;

/**
 * The answer that ends with `last`, as far as it is there: where people were asked, it began in jobs before.
 */
export async function wholeAnswer(client: StreamsvcClient, last: JobState | undefined): Promise<JobState[]> {
  const states = last ? [last] : [];
  for (let before = last; before?.answers.length;) {
    before = await client.getState(before.job?.previousJobId ?? "").catch(() => undefined);
    if (before) states.unshift(before);
  }
  return states;
}

/**
 * The request that asks `prompt` after what `states` say, which is the conversation so far. A conversation has one
 * answer at a time, whichever tab asked for it.
 */
export function question(
  conversationId: string,
  prompt: string,
  { producer = "", model = "", extra }: Model,
  states: readonly JobState[],
): StartRequest {
  return {
    conversationId,
    producer,
    model,
    parameters: { extraJson: extra ? JSON.stringify(extra) : "" },
    messages: [
      ...states.flatMap((state) => [...state.input, message(Role.ASSISTANT, textsOf(state), state.job?.id)]),
      message(Role.USER, [create(ContentPartSchema, { kind: { case: "text", value: { text: prompt } } })]),
    ],
    previousJobId: states.at(-1)?.job?.id ?? "",
    concurrency: ConcurrencyPolicy.REJECT,
    labels: { title: titleOf(prompt) },
  };
}

function message(role: Role, parts: ContentPart[], id = ""): ChatMessage {
  return create(ChatMessageSchema, { role, parts, id });
}

function textsOf({ parts }: JobState): ContentPart[] {
  return parts.filter(({ kind }) => kind.case === "text");
}

/** A short name for what was asked. */
function titleOf(prompt: string): string {
  const line = prompt.trim().split("\n", 1)[0] ?? "";
  return line.length > TITLE_LENGTH ? `${line.slice(0, TITLE_LENGTH)}…` : line;
}
