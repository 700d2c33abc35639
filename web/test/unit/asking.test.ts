/** Questions to people: who answers first, in which tab, and with what connection. */

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { afterEach, expect, test } from "vitest";

import { AskingJob } from "../../src/asking-job.js";
import { answeredIn } from "../../src/errors.js";
import { InputAnswerSchema, InputDecision } from "../../src/gen/streamsvc/v1/content_pb.js";
import { eventually } from "../support/eventually.js";
import { clientOf, error } from "../support/scripted.js";
import { FakeService } from "../support/service.js";

const { APPROVE, REJECT } = InputDecision;
const leaving: (() => void)[] = [];

afterEach(() => {
  for (const leave of leaving.splice(0)) leave();
});

/** A job "a" of the conversation "c" that asks "q", and what asks for it in one tab. */
function rig() {
  const service = new FakeService();
  service.begin("a", "c");
  /** Opens a tab that shows the job. */
  const open = (jobId = "a") => {
    const client = clientOf(service.transport, { callTimeoutMs: 50 });
    const job = new AskingJob(client, jobId);
    leaving.push(job.subscribe(() => {}));
    const questions = () => job.getSnapshot().questions.map((one) => [one.open, one.answer?.decision, one.answeredIn]);
    return { client, job, questions, answer: job.getSnapshot().answer };
  };
  return { service, open };
}

const said = (decision: InputDecision, inputRequestId = "q") => create(InputAnswerSchema, { inputRequestId, decision });

test("a question is open once the job has ended for it, and answered with the job that goes on", async () => {
  const { service, open } = rig();
  const tab = open();
  service.say("a", { payload: { case: "inputRequested", value: { inputRequest: { id: "q" } } } });
  await eventually(() => expect(tab.questions()).toEqual([[false, undefined, undefined]]));
  service.end("a", 6);
  await eventually(() => expect(tab.questions()).toEqual([[true, undefined, undefined]]));
  const next = await tab.answer([said(APPROVE)]);
  expect(next).toMatchObject({ previousJobId: "a", conversationId: "c" });
  await eventually(() => expect(tab.questions()).toEqual([[false, APPROVE, next.id]]));
});

test("another tab sees the answer, and the job that goes on, without asking for them", async () => {
  const { service, open } = rig();
  service.ask("a", { id: "q" });
  const [first, second] = [open(), open()];
  const conversation = second.client.conversation("c");
  leaving.push(conversation.subscribe(() => {}));
  await eventually(() => expect([...first.questions(), ...second.questions()].map(([is]) => is)).toEqual([true, true]));
  const { id } = await first.answer([said(REJECT)]);
  await eventually(() => expect(second.questions()).toEqual([[false, REJECT, id]]));
  await eventually(() => expect(conversation.getSnapshot().jobs[0]?.id).toBe(id));
});

test("of two answers the first counts; the second fails with the job that has it, and both tabs show it", async () => {
  const { service, open } = rig();
  service.ask("a", { id: "q" });
  const [first, second] = [open(), open()];
  await eventually(() => expect([...first.questions(), ...second.questions()].map(([is]) => is)).toEqual([true, true]));
  const sent = [first.answer([said(APPROVE)]), second.answer([said(REJECT)])];
  const [won, lost] = (await Promise.allSettled(sent)).sort((a, b) => a.status.localeCompare(b.status));
  const { id } = (won as PromiseFulfilledResult<{ id: string }>).value;
  expect(answeredIn((lost as PromiseRejectedResult).reason)).toBe(id);
  const decision = service.asked[0]?.answers[0]?.decision;
  for (const tab of [first, second]) await eventually(() => expect(tab.questions()).toEqual([[false, decision, id]]));
  expect(service.log(id).length).toBeGreaterThan(0);
});

test("a page that comes later finds the answer of before, although its job has ended", async () => {
  const { service, open } = rig();
  service.ask("a", { id: "q" });
  service.begin("b", "c", { previousJobId: "a", answers: [said(APPROVE)] });
  service.end("b");
  service.begin("other", "c", { previousJobId: "b" });
  service.end("other");
  const tab = open();
  await eventually(() => expect(tab.questions()).toEqual([[false, APPROVE, "b"]]));
  // Nothing is left to wait for.
  await eventually(() => expect(service.open.size).toBe(0));
});

test("a question that has expired is not open, and the others are answered without it", async () => {
  const { service, open } = rig();
  service.ask("a", { id: "old", expireTime: timestampFromMs(1) }, { id: "q" });
  const tab = open();
  const unanswered = [false, undefined, undefined];
  await eventually(() => expect(tab.questions()).toEqual([unanswered, [true, undefined, undefined]]));
  const { id } = await tab.answer([said(REJECT)]);
  await eventually(() =>
    expect(tab.questions()).toEqual([
      [false, undefined, id],
      [false, REJECT, id],
    ]),
  );
});

test("a job of the answers that is deleted leaves no question open", async () => {
  const { service, open } = rig();
  service.ask("a", { id: "q" });
  const tab = open();
  await eventually(() => expect(tab.questions()).toEqual([[true, undefined, undefined]]));
  service.deleteAnswered("q", "b");
  await expect(tab.answer([said(APPROVE)])).rejects.toMatchObject({ reason: "INPUT_ANSWERED" });
  await eventually(() => expect(tab.questions()).toEqual([[false, undefined, "b"]]));
});

test("an answer without a connection is sent when there is one, and starts one job", async () => {
  const { service, open } = rig();
  service.ask("a", { id: "q" });
  const tab = open();
  await eventually(() => expect(tab.questions()).toEqual([[true, undefined, undefined]]));
  service.away = true;
  const sending = tab.answer([said(APPROVE)]);
  // It gives up the call, not the answer.
  await eventually(() => expect(service.asked.length).toBeGreaterThan(1));
  service.cut();
  // Nor is anybody's interest needed.
  for (const leave of leaving.splice(0)) leave();
  service.away = false;
  const { id } = await sending;
  expect(new Set(service.asked.map(({ requestId }) => requestId))).toEqual(new Set([id]));
  expect(await tab.client.answer("a", [said(APPROVE)], id)).toMatchObject({ id });
});

test("an answer that arrived although the connection broke is taken for the same one when it comes again", async () => {
  const { service, open } = rig();
  service.ask("a", { id: "q" });
  const tab = open();
  await eventually(() => expect(tab.questions()).toEqual([[true, undefined, undefined]]));
  service.unheard = 1;
  const { id } = await tab.answer([said(APPROVE)]);
  expect(service.asked.map(({ requestId }) => requestId)).toEqual([id, id]);
  await eventually(() => expect(tab.questions()).toEqual([[false, APPROVE, id]]));
});

test("what the service itself says against an answer is thrown, and the question stays open", async () => {
  const { service, open } = rig();
  service.ask("a", { id: "q" });
  const tab = open();
  await eventually(() => expect(tab.questions()).toEqual([[true, undefined, undefined]]));
  service.refuses = error(Code.ResourceExhausted, "OVERLOADED", 1_000);
  await expect(tab.answer([said(APPROVE)])).rejects.toMatchObject({ reason: "OVERLOADED" });
  service.refuses = undefined;
  expect(tab.questions()).toEqual([[true, undefined, undefined]]);
  expect(await tab.answer([said(APPROVE)])).toMatchObject({ previousJobId: "a" });
});

test("no other error counts as answered", () => {
  expect(answeredIn(error(Code.FailedPrecondition, "CONVERSATION_BUSY"))).toBeUndefined();
  expect(answeredIn(new Error("INPUT_ANSWERED"))).toBeUndefined();
});
