/** Calls with one answer. */

import { type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport, type ServiceImpl } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { JobStatus } from "../../src/gen/streamsvc/v1/job_pb.js";
import {
  JobService,
  type StartGenerationRequest,
  type WatchJobsResponseSchema,
} from "../../src/gen/streamsvc/v1/job_service_pb.js";
import type { JobsUpdate } from "../../src/watch.js";
import { CUT, clientOf, error } from "../support/scripted.js";

type Methods = Partial<ServiceImpl<typeof JobService>>;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function client(methods: Methods, options = {}) {
  return clientOf(() => createRouterTransport((router) => router.service(JobService, methods)), options);
}

test("each attempt names the time that it has in whole ms: what reads it takes nothing else", async () => {
  const told: (string | null)[] = [];
  let now = 0;
  const transport = () =>
    createRouterTransport((router) =>
      router.service(JobService, {
        cancelJob(_, { requestHeader }) {
          told.push(requestHeader.get("connect-timeout-ms"));
          if (told.length < 3) throw CUT;
          return { job: { id: "a" } };
        },
      }),
    );
  const world = { chance: { now: () => (now += 10.3), random: () => 0 } };
  const cancelling = clientOf(transport, { callTimeoutMs: 100 }, world).cancel("a");
  await vi.runAllTimersAsync();
  expect((await cancelling).id).toBe("a");
  expect(told.map(Number).every(Number.isInteger)).toBe(true);
  expect(Number(told.at(-1))).toBeLessThan(50);
});

test("a start that is repeated carries the same request id", async () => {
  const asked: StartGenerationRequest[] = [];
  const starting = client({
    startGeneration(request) {
      asked.push(request);
      if (asked.length < 3) throw CUT;
      return { job: { id: "a" } };
    },
  }).start("Why?");
  await vi.runAllTimersAsync();
  expect((await starting).id).toBe("a");
  expect(asked.map(({ prompt }) => prompt)).toEqual(["Why?", "Why?", "Why?"]);
  expect(new Set(asked.map(({ requestId }) => requestId)).size).toBe(1);
  expect(asked[0]?.requestId).toMatch(/^[0-9a-f]{32}$/);
});

test("a request id of one's own is kept", async () => {
  const starting = client({ startGeneration: ({ requestId }) => ({ job: { id: requestId } }) });
  expect((await starting.start({ prompt: "Why?", requestId: "mine" })).id).toBe("mine");
});

test("what the service refuses is thrown by its reason, with what it says about it", async () => {
  const refused = client({
    cancelJob() {
      throw error(Code.NotFound, "JOB_NOT_FOUND");
    },
  }).cancel("j");
  await expect(refused).rejects.toMatchObject({
    reason: "JOB_NOT_FOUND",
    message: "on purpose",
    metadata: { job_id: "j" },
  });
});

test("a call that nobody answers is tried again, and ends in time", async () => {
  let calls = 0;
  const hanging = client(
    {
      deleteJob: (_, { signal }) => {
        calls += 1;
        return new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(new ConnectError("late", Code.Canceled))),
        );
      },
    },
    { callTimeoutMs: 10_000 },
  );
  const ended = hanging.delete("j").then(
    () => "done",
    (failed: unknown) => failed,
  );
  await vi.advanceTimersByTimeAsync(10_100);
  expect(await ended).toMatchObject({ reason: "UNREACHABLE", code: Code.DeadlineExceeded });
  expect(calls).toBeGreaterThanOrEqual(2);
});

test("jobs come page by page", async () => {
  const pages = client({
    listJobs({ pageToken, conversationId, statuses }) {
      expect([conversationId, statuses]).toEqual(["c", [JobStatus.RUNNING]]);
      return pageToken ? { jobs: [{ id: "b" }] } : { jobs: [{ id: "a" }], nextPageToken: "more" };
    },
  }).jobs({ conversationId: "c", statuses: [JobStatus.RUNNING] });
  const ids = [];
  for await (const { id } of pages) ids.push(id);
  expect(ids).toEqual(["a", "b"]);
});

test("a state that was asked for", async () => {
  const state = await client({ getJobState: ({ jobId }) => ({ state: { job: { id: jobId }, offset: 3 } }) }).getState(
    "j",
  );
  expect(state).toMatchObject({ offset: 3, job: { id: "j" } });
});

test("a watch goes on from its token, which moves when an update has been handed out", async () => {
  const tokens: string[] = [];
  const says: MessageInitShape<typeof WatchJobsResponseSchema>[][] = [
    [{ jobs: [{ id: "a" }], caughtUp: true, watchToken: "t1" }, { watchToken: "t2" }],
    [{ jobs: [{ id: "b" }], watchToken: "t3" }],
    [{ reset: true, jobs: [{ id: "c" }], removedJobIds: ["a"], caughtUp: true, watchToken: "t9" }],
  ];
  const watch = client({
    async *watchJobs({ watchToken }) {
      tokens.push(watchToken);
      yield* says[tokens.length - 1] ?? [];
      if (tokens.length > says.length) throw error(Code.PermissionDenied, "SCOPE_MISSING");
    },
  }).watchJobs({ conversationId: "c" });
  const seen: JobsUpdate[] = [];
  const reading = (async () => {
    for await (const update of watch) seen.push(update);
  })().catch((failed: unknown) => failed);
  await vi.runAllTimersAsync();
  expect(await reading).toMatchObject({ reason: "SCOPE_MISSING" });
  expect(seen.map(({ jobs, reset }) => [jobs.map(({ id }) => id).join(), reset])).toEqual([
    ["a", false],
    ["b", false],
    ["c", true],
  ]);
  expect(tokens).toEqual(["", "t2", "t3", "t9"]);
});
