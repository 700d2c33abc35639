/** Conversations as messages of the AI SDK, and messages of the AI SDK as what is asked. */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { UIMessage } from "ai";
import { expect, test } from "vitest";

import { messagesOf } from "../../src/ai/message.js";
import { chatMessagesOf } from "../../src/ai/sent.js";
import { toUIMessageStream } from "../../src/ai/ui-stream.js";
import {
  InputDecision,
  Role,
  ToolCallStatus,
  ToolRunner,
  type ContentPartSchema,
} from "../../src/gen/streamsvc/v1/content_pb.js";
import { FinishReason, JobStatus } from "../../src/gen/streamsvc/v1/job_pb.js";
import { type JobState, JobStateSchema } from "../../src/gen/streamsvc/v1/state_pb.js";
import { clientOf, says, scripted } from "../support/scripted.js";

type Parts = MessageInitShape<typeof ContentPartSchema>[];

const say = (text: string): Parts => [{ kind: { case: "text", value: { text } }, completed: true }];
const asks = (id: string, text: string) => [{ id, role: Role.USER, parts: say(text) }];
const call = (status: ToolCallStatus): Parts => [
  {
    kind: {
      case: "toolCall",
      value: {
        callId: "c",
        name: "send",
        argumentsJson: '{"to":"Ada"}',
        status,
        runner: ToolRunner.PRODUCER,
        results: status === ToolCallStatus.SUCCEEDED ? [{ kind: { case: "text", value: "sent" } }] : [],
      },
    },
    completed: true,
  },
];

/** A job that has ended. */
function job(id: string, state: Exclude<MessageInitShape<typeof JobStateSchema>, JobState>, previousJobId = "") {
  const ended = { id, previousJobId, status: JobStatus.COMPLETED, finishReason: FinishReason.STOP };
  return create(JobStateSchema, { ...state, job: ended });
}

/** Id and texts of each message. */
const short = (messages: readonly UIMessage[]) =>
  messages.map(({ id, parts }) => [id, ...parts.flatMap((part) => (part.type === "text" ? [part.text] : []))]);

test("each job is what was asked and its answer", () => {
  const first = job("j1", { input: asks("m1", "Why?"), parts: say("So.") });
  const second = job("j2", { input: asks("m2", "And?"), parts: say("Thus.") }, "j1");
  expect(short(messagesOf([first, second]))).toEqual([
    ["m1", "Why?"],
    ["j1", "So."],
    ["m2", "And?"],
    ["j2", "Thus."],
  ]);
});

test("what is answered anew takes the place of what followed", () => {
  const first = job("j1", { input: asks("m1", "Why?"), parts: say("So.") });
  const second = job("j2", { input: asks("m2", "And?"), parts: say("Thus.") }, "j1");
  const again = job("j3", { input: asks("m1", "Why not?"), parts: say("Because.") });
  expect(short(messagesOf([first, second, again]))).toEqual([
    ["m1", "Why not?"],
    ["j3", "Because."],
  ]);
});

const REQUEST = { id: "r", type: "tool_approval", partIndex: 0, message: "May it?" };

test.each([
  [InputDecision.APPROVE, true],
  [InputDecision.REJECT, false],
])("an answer (%i) goes on in the message of the question, and its tool stays one part", (decision, approved) => {
  const asking = job("j1", {
    input: asks("m1", "Write"),
    parts: call(ToolCallStatus.READY),
    inputRequests: [REQUEST],
  });
  const tool = (messages: UIMessage[]) => messages.at(-1)?.parts.filter(({ type }) => type === "tool-send");
  expect(tool(messagesOf([asking]))).toMatchObject([{ state: "approval-requested", approval: { id: "r" } }]);

  const answers = [{ inputRequestId: "r", decision, comment: "well" }];
  const begun = job("j2", { answers }, "j1");
  expect(tool(messagesOf([asking, begun]))).toMatchObject([
    { state: "approval-responded", approval: { id: "r", approved, reason: "well" } },
  ]);
  const done = job("j2", { answers, parts: [...call(ToolCallStatus.SUCCEEDED), ...say("Done.")] }, "j1");
  const messages = messagesOf([asking, done]);
  expect(tool(messages)).toMatchObject([{ state: "output-available", output: "sent", input: { to: "Ada" } }]);
  expect(short(messages)).toEqual([
    ["m1", "Write"],
    ["j1", "Done."],
  ]);
});

test("a question that is not about a tool is data", () => {
  const asking = job("j1", { inputRequests: [{ id: "q", type: "question", message: "Which?" }] });
  expect(messagesOf([asking])[0]?.parts).toContainEqual({
    type: "data-question",
    id: "q",
    data: { id: "q", type: "question", message: "Which?", decisions: [] },
  });
});

test("an answer that is sent back is what was said, with what its upstream needs", () => {
  const parts: Parts = [
    { kind: { case: "reasoning", value: { text: "Hm.", summary: true } }, completed: true, upstreamJson: '{"sig":1}' },
    {
      kind: {
        case: "text",
        value: {
          text: "See there.",
          citations: [
            { startIndex: 1, endIndex: 3, sourceId: "s", title: "There", source: { case: "url", value: "u" } },
          ],
        },
      },
      completed: true,
    },
    ...call(ToolCallStatus.SUCCEEDED),
    {
      kind: {
        case: "file",
        value: { source: { case: "data", value: new Uint8Array([1]) }, mediaType: "image/png", name: "dot" },
      },
    },
  ];
  const state = job("j1", { input: asks("m1", "Why?"), parts });
  const [asked, answered] = chatMessagesOf(messagesOf([state]));
  expect(asked).toMatchObject({ id: "m1", role: Role.USER });
  const said = state.parts.map(({ kind, upstreamJson }) => ({ kind, upstreamJson }));
  expect(answered?.parts).toMatchObject(said);
  expect(answered).toMatchObject({ id: "j1", role: Role.ASSISTANT });
});

test("a message without anything to send is left out", () => {
  expect(chatMessagesOf([{ id: "j1", role: "assistant", parts: [{ type: "step-start" }] }])).toEqual([]);
});

test("a stream of chunks begins, says and ends; what passes is passed on", async () => {
  const events = [
    { offset: 1, payload: { case: "jobCreated", value: { job: { id: "j" } } } },
    { offset: 2, payload: { case: "partStarted", value: { part: { kind: { case: "text", value: { text: "" } } } } } },
    { offset: 3, payload: { case: "textDelta", value: { text: "Hello" } } },
    { offset: 4, payload: { case: "custom", value: { name: "beat", json: "1" } } },
    { offset: 5, payload: { case: "partCompleted", value: {} } },
    { offset: 6, payload: { case: "jobCompleted", value: { finishReason: FinishReason.STOP } } },
  ] as const;
  const { transport } = scripted(says({ epoch: "e", lastOffset: 6, closed: true }, { events: [...events] }));
  const types: string[] = [];
  const reader = toUIMessageStream(clientOf(transport).stream("j", { fold: true })).getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) types.push(next.value.type);
  expect(types).toEqual([
    ...["start", "start-step", "text-start", "text-delta", "text-end", "message-metadata", "data-beat"],
    ...["finish-step", "finish"],
  ]);
});
