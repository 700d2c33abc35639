/** What keeps a chat in step: what could not be shown at first is shown later, without anything new being said. */

import type { UIMessage } from "ai";
import { expect, test } from "vitest";

import type { ConversationSnapshot } from "../../src/conversation-store.js";
import { live } from "../../src/ai/live.js";
import { StreamsvcTransport } from "../../src/ai/transport.js";
import type { StreamsvcClient } from "../../src/client.js";
import { CHATS, follow, WaitingService } from "../support/ai-service.js";
import { eventually } from "../support/eventually.js";
import { clientOf } from "../support/scripted.js";

const textOf = (messages: readonly UIMessage[]) =>
  messages.flatMap(({ parts }) => parts.flatMap((part) => (part.type === "text" ? [part.text] : []))).join();

type Refused = WaitingService["refused"];

const REFUSED: readonly { readonly refused: Refused }[] = [
  { refused: [["listJobs", 1]] },
  { refused: [["getJobState", 1]] },
  { refused: [["listJobs", 2]] },
  { refused: [["getJobState", 2]] },
  {
    refused: [
      ["listJobs", 1],
      ["getJobState", 1],
      ["getJobState", 2],
    ],
  },
];

test.each(REFUSED)("an answer is shown although calls are refused: $refused", async ({ refused }) => {
  const service = new WaitingService();
  const client = clientOf(service.transport, { shareAcrossTabs: false });
  await client.start({ requestId: "job", conversationId: "c", prompt: "Hello" });
  service.refused.push(...refused);
  const [, chatOn] = CHATS[1];
  const transport = new StreamsvcTransport(client);
  const chat = chatOn(transport);
  const failures: unknown[] = [];
  const leave = follow(transport, chat, (error) => failures.push(error));
  await eventually(() => expect(textOf(chat.messages)).toBe("word"));
  await eventually(() => expect(failures.at(-1)).toBeUndefined());
  leave();
});

test("an answer that was not resumed, and that the page hears of only then, is resumed", async () => {
  const service = new WaitingService();
  const client = clientOf(service.transport, { shareAcrossTabs: false });
  const job = await client.start({ requestId: "job", conversationId: "c", prompt: "Hello" });
  const nothing: ConversationSnapshot = { jobs: [], caughtUp: true, status: "live", error: undefined };
  let [snapshot, tell] = [nothing, () => {}];
  const conversation = {
    getSnapshot: () => snapshot,
    subscribe: (listener: () => void) => {
      tell = listener;
      return () => {};
    },
  };
  const late = Object.assign(Object.create(client) as StreamsvcClient, { conversation: () => conversation });
  const transport = new StreamsvcTransport(client);
  Object.assign(transport, { client: late });
  let resumed = 0;
  const leave = live(transport, { id: "c", setMessages: () => {}, resumeStream: async () => void (resumed += 1) });
  await eventually(() => expect(resumed).toBe(1));
  snapshot = { ...nothing, jobs: [job] };
  tell();
  await eventually(() => expect(resumed).toBeGreaterThan(1));
  leave();
});
