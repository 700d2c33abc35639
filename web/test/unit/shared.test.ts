/** Tabs that share their streams: each sees each event once, in order, whichever of them goes. */

import { afterEach, beforeEach, expect, test } from "vitest";

import { CatchUpMode } from "../../src/gen/streamsvc/v1/job_service_pb.js";
import { eventually } from "../support/eventually.js";
import { FakeService } from "../support/service.js";
import { Browser } from "../support/tabs.js";

let service: FakeService;
let browser: Browser;

beforeEach(() => {
  service = new FakeService();
  service.begin("a", "c");
  browser = new Browser(service);
});
afterEach(() => {
  browser.close();
});

/** Says so many words, and waits until all of these readers have them. */
async function say(words: number, ...readers: { seen: number[] }[]): Promise<void> {
  for (let i = 0; i < words; i++) service.text("a", "word ");
  const last = service.log("a").length;
  for (const { seen } of readers) await eventually(() => expect(Math.abs(seen.at(-1) ?? 0)).toBe(last));
}

/** Ends the job; each reader has to have seen all of it, from `first` on. */
async function finish(...readers: { seen: number[]; done: Promise<void> }[]): Promise<void> {
  service.end("a");
  const all = service.log("a").map(({ offset }) => offset);
  for (const { seen, done } of readers) {
    await done;
    expect(seen).toEqual(all);
  }
}

test("two tabs, one call", async () => {
  const first = browser.open().read("a");
  await say(1, first);
  const readers = [first, browser.open().read("a")];
  await say(5, ...readers);
  expect(service.made).toBe(1);
  await finish(...readers);
  expect(readers.map(({ stream }) => stream.reconnects)).toEqual([0, 0]);
  await eventually(() => expect(service.open.size).toBe(0));
});

test("a tab that comes later is told what it has missed", async () => {
  const first = browser.open().read("a");
  await say(5, first);
  const second = browser.open().read("a");
  await say(5, first, second);
  expect(service.made).toBe(1);
  await finish(first, second);
});

test("a tab that begins with a snapshot has a call of its own until it has caught up", async () => {
  const first = browser.open().read("a");
  await say(5, first);
  const second = browser.open().read("a", { catchUp: CatchUpMode.SNAPSHOT });
  await say(1, first, second);
  expect(service.made).toBe(2);
  await eventually(() => expect(service.open.size).toBe(1));
  await say(2, first, second);
  const [snapshot = 0, ...events] = second.seen;
  expect(snapshot).toBeLessThan(0);
  expect(events).toEqual(
    service
      .log("a")
      .map(({ offset }) => offset)
      .slice(-snapshot),
  );
  await finish(first);
  await second.done;
});

test("two readers of one tab share too", async () => {
  const tab = browser.open();
  const readers = [tab.read("a"), tab.read("a")];
  await say(3, ...readers);
  expect(service.made).toBe(1);
  await finish(...readers);
});

test.each(["crash", "leave"] as const)("the leader's tab goes (%s): each of the others goes on", async (how) => {
  const leader = browser.open();
  const first = leader.read("a");
  await say(3, first);
  const others = [browser.open().read("a"), browser.open().read("a")];
  await say(3, ...others);
  if (how === "crash") leader.crash();
  else leader.page.leave();
  await say(3, ...others);
  await eventually(() => expect(service.open.size).toBe(1));
  await finish(...others);
});

test("a leader that was left and is back hears from the new one", async () => {
  const leader = browser.open();
  const first = leader.read("a");
  const second = browser.open().read("a");
  await say(3, first, second);
  leader.page.leave();
  await say(3, second);
  leader.page.comeBack();
  await say(3, first, second);
  await eventually(() => expect(service.open.size).toBe(1));
  await finish(first, second);
});

test("a cut call is made once for all", async () => {
  const readers = [browser.open().read("a"), browser.open().read("a"), browser.open().read("a")];
  await say(3, ...readers);
  service.cut();
  await say(3, ...readers);
  await eventually(() => expect(service.open.size).toBe(1));
  await finish(...readers);
});

test("a job that changes hands while tabs come", async () => {
  const first = browser.open().read("a");
  await say(3, first);
  service.takeOver("a", "e2");
  await say(1, first);
  const second = browser.open().read("a");
  await say(1, first, second);
  expect([first, second].map(({ stream }) => stream.cursor.epoch)).toEqual(["e2", "e2"]);
  await finish(first, second);
});

test("a call ends when no tab reads it any more, also one that crashed", async () => {
  const leader = browser.open();
  const watching = leader.watch("c");
  const other = browser.open();
  const reader = other.read("a");
  await say(1, reader);
  expect([...service.open.values()].sort()).toEqual(["job a", "watch"]);
  other.crash();
  await eventually(() => expect([...service.open.values()]).toEqual(["watch"]));
  expect(watching.seen.length).toBeGreaterThan(0);
});

test("a leader that does not answer is done without", async () => {
  browser = new Browser(service, "web", 200);
  const leader = browser.open();
  const first = leader.read("a");
  await say(1, first);
  leader.hang();
  const second = browser.open().read("a");
  await eventually(() => expect(second.seen).toEqual([1, 2, 3]));
  await finish(second);
});

test.each([0, 1])("tab %i parts ways with the others: all go on", async (which) => {
  const [leader, other] = [browser.open(), browser.open()];
  const first = leader.read("a");
  await say(1, first);
  const readers = [first, other.read("a")];
  await say(1, ...readers);
  [leader, other][which]?.partWays();
  await say(3, ...readers);
  await eventually(() => expect(service.open.size).toBe(2));
  await finish(...readers);
});

test("errors cross from tab to tab with their reason", async () => {
  const first = browser.open().read("a");
  await say(1, first);
  const { done } = browser.open().read("nothing");
  await expect(done).rejects.toMatchObject({
    name: "StreamsvcError",
    reason: "JOB_NOT_FOUND",
    metadata: { job_id: "j" },
  });
});

test("when the network is back, the shared call is made anew", async () => {
  const leader = browser.open();
  const first = leader.read("a");
  await say(1, first);
  const readers = [first, browser.open().read("a")];
  await say(1, ...readers);
  leader.page.online();
  await say(1, ...readers);
  await eventually(() => expect(service.open.size).toBe(1));
  expect(service.made).toBeGreaterThan(1);
  await finish(...readers);
});

test("tabs that watch share a call; who comes later is told what is open, and nobody loses an end", async () => {
  const leader = browser.open();
  const first = leader.watch("c");
  const ids = (seen: typeof first.seen) => seen.flatMap(({ jobs }) => jobs.map(({ id, status }) => `${id}${status}`));
  await eventually(() => expect(ids(first.seen)).toEqual(["a2"]));
  const second = browser.open().watch("c");
  await eventually(() => expect(ids(second.seen)).toEqual(["a2"]));
  service.begin("b", "c");
  await eventually(() => expect(ids(second.seen)).toEqual(["a2", "b2"]));
  expect(service.made).toBe(1);
  leader.crash();
  service.end("b");
  await eventually(() => expect(ids(second.seen)).toContain("b3"));
  expect(second.seen.some(({ reset }) => reset)).toBe(false);
});
