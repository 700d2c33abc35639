/** The client against the real service, through Envoy. */

import { equals } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import {
  answeredIn,
  AskingJob,
  CatchUpMode,
  InputDecision,
  isSnapshot,
  type Item,
  JobStateSchema,
  JobStatus,
} from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { answer, clientOf, count, given, script } from "./rig.js";

const EDGE = given("EDGE_ADDRESS");

const client = clientOf(EDGE);

test("a job from its start to its end", async () => {
  const job = await client.start(script(50, 0, { rich: true }));
  const stream = client.stream(job.id, { fold: true });
  let offset = 0;
  for await (const item of stream) expect(item.offset).toBe(++offset);
  const state = await client.getState(job.id);
  expect(equals(JobStateSchema, stream.state, state)).toBe(true);
  expect([state.job?.status, state.offset, stream.reconnects]).toEqual([JobStatus.COMPLETED, offset, 0]);
  expect(answer(state)).toBe(count(50));
});

test("a snapshot, then what follows it", async () => {
  const job = await client.start(script(100, 200));
  const first = client.stream(job.id);
  for await (const { offset } of first) if (offset === 20) break;
  const stream = client.stream(job.id, { catchUp: CatchUpMode.SNAPSHOT, fold: true });
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  const [snapshot, ...events] = items;
  expect(snapshot && isSnapshot(snapshot)).toBe(true);
  expect(events[0]?.offset).toBe((snapshot?.offset ?? 0) + 1);
  expect(answer(stream.state)).toBe(count(100));
});

test("another page goes on from a kept state", async () => {
  const job = await client.start(script(100, 200));
  const stream = client.stream(job.id, { fold: true });
  for await (const { offset } of stream) if (offset === 30) break;
  const rest = clientOf(EDGE).resume(stream.state);
  let next = 31;
  for await (const { offset } of rest) expect(offset).toBe(next++);
  expect(answer(rest.state)).toBe(count(100));
});

test("a page shows a job, and one that is started elsewhere in its conversation", async () => {
  const conversationId = `c${Date.now()}`;
  const conversation = client.conversation(conversationId);
  const leave = conversation.subscribe(() => {});
  await eventually(() => expect(conversation.getSnapshot().caughtUp).toBe(true));
  const job = await clientOf(EDGE).start({ ...script(60, 100), conversationId });
  const found = () => conversation.getSnapshot().jobs[0];
  await eventually(() => expect(found()?.id).toBe(job.id));
  const store = client.job(job.id);
  const leaveJob = store.subscribe(() => {});
  await eventually(() => expect(store.getSnapshot().status).toBe("ended"));
  expect(answer(store.getSnapshot().state)).toBe(count(60));
  await eventually(() => expect(found()?.status).toBe(JobStatus.COMPLETED));
  leave();
  leaveJob();
});

test("a job is cancelled, listed and deleted", async () => {
  const conversationId = `d${Date.now()}`;
  const job = await client.start({ ...script(1_000, 10), conversationId });
  const stream = client.stream(job.id, { fold: true });
  await client.cancel(job.id, "enough");
  for await (const _ of stream);
  expect(stream.state.job?.status).toBe(JobStatus.CANCELLED);
  const ids = [];
  for await (const { id } of client.jobs({ conversationId, statuses: [JobStatus.CANCELLED] })) ids.push(id);
  expect(ids).toEqual([job.id]);
  await client.delete(job.id);
  await expect(client.getState(job.id)).rejects.toMatchObject({
    reason: "JOB_NOT_FOUND",
    metadata: { job_id: job.id },
  });
});

test("what the service refuses, it says why", async () => {
  const reading = (async () => {
    for await (const _ of client.stream("0".repeat(32)));
  })();
  await expect(reading).rejects.toMatchObject({ reason: "JOB_NOT_FOUND" });
  const unknown = client.start({ prompt: "Why?", producer: "nobody" });
  await expect(unknown).rejects.toMatchObject({ reason: "PRODUCER_UNKNOWN", violations: [{ field: "producer" }] });
});

test("a question is answered once, however often the answer is sent", async () => {
  const { id } = await client.start({ ...script(2, 0, { ask: "approval" }), conversationId: "asks" });
  const tabs = [client, clientOf(EDGE)].map((one) => new AskingJob(one, id));
  const leaving = tabs.map((tab) => tab.subscribe(() => {}));
  const [first, second] = tabs.map((tab) => () => tab.getSnapshot().questions[0]);
  await eventually(() => expect([first?.()?.open, second?.()?.open]).toEqual([true, true]));
  const answers = [{ inputRequestId: first?.()?.request.id ?? "", decision: InputDecision.APPROVE }];
  const next = await client.answer(id, answers, "asks-1");
  expect(next).toMatchObject({ previousJobId: id, conversationId: "asks", producer: "scripted" });
  expect(await client.answer(id, answers, "asks-1")).toMatchObject({ id: next.id });
  const late = await tabs[1]?.getSnapshot().answer(answers).catch(answeredIn);
  expect(late).toBe(next.id);
  for (const question of [first, second]) {
    await eventually(() =>
      expect(question?.()).toMatchObject({ open: false, answer: answers[0], answeredIn: next.id }),
    );
  }
  await client.cancel(next.id);
  for (const leave of leaving) leave();
});
