/** Jobs and conversations as a page shows them. */

import { Code, createRouterTransport } from "@connectrpc/connect";
import { expect, test, vi } from "vitest";

import { JobService } from "../../src/gen/streamsvc/v1/job_service_pb.js";
import type { JobSnapshot } from "../../src/job-store.js";
import { KeptJob } from "../../src/kept-job.js";
import { eventually } from "../support/eventually.js";
import { clientOf, error } from "../support/scripted.js";
import { FakeService } from "../support/service.js";

function textOf({ state }: JobSnapshot): string {
  const { value } = state.parts[0]?.kind ?? {};
  return (value as { text: string } | undefined)?.text ?? "";
}

function rig() {
  const service = new FakeService();
  service.begin("a", "c");
  return { service, client: clientOf(service.transport) };
}

test("a job grows, is cut off, and ends", async () => {
  const { service, client } = rig();
  service.text("a", "one ");
  const job = client.job("a");
  const seen: JobSnapshot[] = [];
  const leave = job.subscribe(() => seen.push(job.getSnapshot()));
  await eventually(() => expect(textOf(job.getSnapshot())).toBe("one "));
  expect(job.getSnapshot()).toMatchObject({ status: "live", cursor: { epoch: "e1", offset: 3 }, reconnects: 0 });
  service.cut();
  service.text("a", "two ");
  await eventually(() => expect(textOf(job.getSnapshot())).toBe("one two "));
  expect(seen.some(({ status }) => status === "reconnecting")).toBe(true);
  service.text("a", "three");
  service.end("a");
  await eventually(() => expect(job.getSnapshot().status).toBe("ended"));
  expect(job.getSnapshot()).toMatchObject({ reconnects: 1, error: undefined, state: { job: { epoch: "e1" } } });
  expect(textOf(job.getSnapshot())).toBe("one two three");
  leave();
});

test("a listener that fails is reported, and the job goes on for all", async () => {
  const { service, client } = rig();
  const reported = vi.fn();
  vi.stubGlobal("reportError", reported);
  const job = client.job("a");
  const failure = new Error("a mistake of the page");
  const leave = job.subscribe(() => {
    throw failure;
  });
  await eventually(() => expect(reported).toHaveBeenCalledWith(failure));
  service.text("a", "all of it");
  service.end("a");
  await eventually(() => expect(textOf(job.getSnapshot())).toBe("all of it"));
  expect(job.getSnapshot()).toMatchObject({ status: "ended", error: undefined });
  leave();
  vi.unstubAllGlobals();
});

test("a snapshot of the store is one object until something has changed", async () => {
  const { service, client } = rig();
  const job = client.job("a");
  expect(job.getSnapshot()).toBe(job.getSnapshot());
  const leave = job.subscribe(() => {});
  await eventually(() => expect(job.getSnapshot().status).toBe("live"));
  const before = job.getSnapshot();
  service.text("a", "more");
  await eventually(() => expect(job.getSnapshot()).not.toBe(before));
  leave();
});

test("all who show a job share one stream, which ends with the last of them and goes on with the next", async () => {
  const { service, client } = rig();
  const job = client.job("a");
  expect(client.job("a")).toBe(job);
  const leave = [job.subscribe(() => {}), job.subscribe(() => {})];
  await eventually(() => expect(job.getSnapshot().status).toBe("live"));
  expect(service.open.size).toBe(1);
  leave[0]?.();
  leave[0]?.();
  expect(service.open.size).toBe(1);
  leave[1]?.();
  await eventually(() => expect(service.open.size).toBe(0));
  service.text("a", "meanwhile");
  const again = job.subscribe(() => {});
  await eventually(() => expect(textOf(job.getSnapshot())).toBe("meanwhile"));
  again();
});

test("somebody who leaves and comes back at once makes no second call", async () => {
  const { service, client } = rig();
  const job = client.job("a");
  job.subscribe(() => {})();
  const leave = job.subscribe(() => {});
  await eventually(() => expect(job.getSnapshot().status).toBe("live"));
  expect(service.made).toBe(1);
  leave();
});

test("a job that is not there is ended, and the store says why", async () => {
  const { client } = rig();
  const job = client.job("b");
  const leave = job.subscribe(() => {});
  await eventually(() => expect(job.getSnapshot().status).toBe("ended"));
  expect(job.getSnapshot().error).toMatchObject({ reason: "JOB_NOT_FOUND" });
  leave();
});

test("a conversation tells of jobs that were started elsewhere, newest first, and of their ends", async () => {
  const { service, client } = rig();
  const conversation = client.conversation("c");
  const leave = conversation.subscribe(() => {});
  const ids = () => conversation.getSnapshot().jobs.map(({ id, status }) => [id, status]);
  await eventually(() => expect(ids()).toEqual([["a", 2]]));
  service.begin("b", "c");
  await eventually(() =>
    expect(ids()).toEqual([
      ["b", 2],
      ["a", 2],
    ]),
  );
  service.end("b");
  service.cut();
  await eventually(() =>
    expect(ids()).toEqual([
      ["b", 3],
      ["a", 2],
    ]),
  );
  expect(conversation.getSnapshot()).toMatchObject({ caughtUp: true, error: undefined });
  leave();
});

test("a conversation says whether it hears of changes", async () => {
  const { service, client } = rig();
  const conversation = client.conversation("c");
  const seen = [conversation.getSnapshot().status];
  const leave = conversation.subscribe(() => {
    const { status } = conversation.getSnapshot();
    if (status !== seen.at(-1)) seen.push(status);
  });
  await eventually(() => expect(seen).toEqual(["catching-up", "live"]));
  service.cut();
  await eventually(() => expect(seen).toEqual(["catching-up", "live", "reconnecting", "live"]));
  leave();
});

test("a conversation that cannot be watched is ended, and the store says why", async () => {
  const watchJobs = () => {
    throw error(Code.PermissionDenied, "SCOPE_MISSING");
  };
  const transport = () => createRouterTransport((router) => router.service(JobService, { watchJobs }));
  const conversation = clientOf(transport).conversation("c");
  const leave = conversation.subscribe(() => {});
  await eventually(() => expect(conversation.getSnapshot().status).toBe("ended"));
  expect(conversation.getSnapshot().error).toMatchObject({ reason: "SCOPE_MISSING" });
  leave();
});

class FakeStorage {
  readonly items = new Map<string, string>();
  getItem = (key: string) => this.items.get(key) ?? null;
  setItem = (key: string, value: string) => void this.items.set(key, value);
  removeItem = (key: string) => void this.items.delete(key);
}

test("a job is kept over a reload, under the key that the page chose", () => {
  const storage = new FakeStorage();
  const open = (key: string) => new KeptJob(key, () => storage as unknown as Storage);
  const kept = open("chat");
  let told = 0;
  kept.subscribe(() => {
    told += 1;
  });
  kept.set("a");
  expect([kept.getSnapshot(), told]).toEqual(["a", 1]);
  expect([open("chat").getSnapshot(), open("other").getSnapshot()]).toEqual(["a", undefined]);
  kept.set(undefined);
  expect(open("chat").getSnapshot()).toBeUndefined();
});

test("a page that may not store anything keeps the job as long as it lives", () => {
  const kept = new KeptJob("chat", () => {
    throw new Error("denied");
  });
  kept.set("a");
  expect(kept.getSnapshot()).toBe("a");
});
