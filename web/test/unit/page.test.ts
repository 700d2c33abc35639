/** Streams in a page that loses its network, is hidden, sleeps and is left. */

import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Backoff } from "../../src/backoff.js";
import { final, head, part, readAll, text } from "../support/events.js";
import { FakePage } from "../support/page.js";
import { CUT, clientOf, error, fails, hangs, says, scripted } from "../support/scripted.js";

const BEGUN = hangs({ epoch: "e1", lastOffset: 2 }, { events: [part(1)] });
const REST = says(head(2), { events: [final(2)] });
/** Waits that no test sits out. */
const SLOW = { backoff: new Backoff(50_000, 50_000) };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function reading(scripts: Parameters<typeof scripted>, options = {}) {
  const page = new FakePage();
  const { transport, calls } = scripted(...scripts);
  const world = { page: page.page, chance: { now: () => performance.now(), random: () => 1 } };
  const stream = clientOf(transport, { ...SLOW, ...options }, world).stream("j");
  return { page, calls, stream, read: readAll(stream) };
}

test("when the network is back, the call of before is given up and another one made at once", async () => {
  const { page, calls, stream, read } = reading([BEGUN, REST]);
  await vi.advanceTimersByTimeAsync(10);
  page.online();
  await vi.advanceTimersByTimeAsync(10);
  expect(await read).toEqual([1, 2]);
  expect([calls.requests.length, stream.reconnects]).toEqual([2, 1]);
});

test.each(["online", "show"] as const)("a wait ends when the page is %s", async (signal) => {
  const { page, calls, read } = reading([fails(CUT), fails(CUT), says(head(2), { events: [part(1), final(2)] })]);
  await vi.advanceTimersByTimeAsync(100);
  expect(calls.requests.length).toBe(2);
  page[signal]();
  await vi.advanceTimersByTimeAsync(10);
  expect(await read).toEqual([1, 2]);
});

test("a wait that the service asked for does not", async () => {
  const busy = error(Code.Unavailable, "SERVER_DRAINING", 3_000);
  const { page, calls, read } = reading([fails(busy), says(head(2), { events: [part(1), final(2)] })]);
  await vi.advanceTimersByTimeAsync(100);
  page.online();
  page.show();
  await vi.advanceTimersByTimeAsync(2_800);
  expect(calls.requests.length).toBe(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(await read).toEqual([1, 2]);
});

test("a page that is visible again calls anew only if a heartbeat is overdue", async () => {
  const { page, calls, read } = reading([BEGUN, REST], { heartbeatIntervalMs: 15_000 });
  await vi.advanceTimersByTimeAsync(14_000);
  page.hide();
  page.show();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(calls.requests.length).toBe(1);
  page.show();
  await vi.advanceTimersByTimeAsync(10);
  expect(await read).toEqual([1, 2]);
  expect(calls.requests.length).toBe(2);
});

test("after the machine slept, the call of before is given up at the next look", async () => {
  const { calls, read } = reading([BEGUN, REST]);
  await vi.advanceTimersByTimeAsync(5_000);
  // Timers stood still; only the wall clock went on.
  vi.setSystemTime(Date.now() + 3_600_000);
  expect(calls.requests.length).toBe(1);
  await vi.advanceTimersByTimeAsync(5_010);
  expect(await read).toEqual([1, 2]);
});

test("a page that is left ends its call, and makes another one if it is back", async () => {
  const { page, calls, read } = reading([BEGUN, REST]);
  await vi.advanceTimersByTimeAsync(10);
  page.leave();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([calls.requests.length, calls.open.size]).toEqual([1, 0]);
  page.comeBack();
  await vi.advanceTimersByTimeAsync(10);
  expect(await read).toEqual([1, 2]);
});

test("nothing listens and nothing ticks when a stream is over", async () => {
  const { stream, page, calls } = reading([BEGUN]);
  await vi.advanceTimersByTimeAsync(10);
  stream.close();
  await vi.advanceTimersByTimeAsync(10);
  expect(vi.getTimerCount()).toBe(0);
  page.online();
  await vi.advanceTimersByTimeAsync(10);
  expect(calls.requests.length).toBe(1);
});

test("a stream can be closed while its page is away", async () => {
  const { page, stream, read } = reading([BEGUN]);
  await vi.advanceTimersByTimeAsync(10);
  page.leave();
  stream.close();
  expect(await read).toEqual([1]);
});

test("the status of a stream", async () => {
  const slow = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const page = new FakePage();
  const { transport } = scripted(
    async function* () {
      await slow(100);
      yield { epoch: "e1", lastOffset: 3, events: [part(1)] };
      await slow(100);
      yield { events: [text(2), text(3)] };
      await slow(100);
      throw CUT;
    },
    fails(CUT),
    async function* () {
      await slow(100);
      yield* [head(4), { events: [final(4)] }];
    },
  );
  const client = clientOf(
    transport,
    { backoff: new Backoff(50, 50) },
    { page: page.page, chance: { now: () => performance.now(), random: () => 1 } },
  );
  const stream = client.stream("j");
  const read = readAll(stream);
  const seen = [];
  await vi.advanceTimersByTimeAsync(25);
  for (let ms = 0; ms < 500; ms += 50) {
    await vi.advanceTimersByTimeAsync(50);
    seen.push(stream.status);
  }
  await read;
  const [begun, live, lost, done] = ["catching-up", "live", "reconnecting", "ended"];
  expect(seen).toEqual([begun, begun, begun, live, live, lost, lost, lost, done, done]);
});
