/** Locks by asking around, where a page has no Web Locks. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { type AboutLock, ChannelLocks, type LockChannel } from "../../src/shared/locks.js";

const ANSWER_MS = 300;
const ASK_AGAIN_MS = 5_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Tabs that hear each other, a little later. */
class Tabs {
  readonly #ears = new Map<string, EventTarget>();

  open(tab: string): ChannelLocks {
    const ear = new EventTarget();
    this.#ears.set(tab, ear);
    const post = (data: AboutLock) => {
      const others = [...this.#ears].filter(([other]) => other !== tab && this.#ears.has(tab));
      for (const [, other] of others) setTimeout(() => other.dispatchEvent(new MessageEvent("message", { data })), 5);
    };
    return new ChannelLocks(Object.assign(ear, { postMessage: post }) as LockChannel, tab, ANSWER_MS, ASK_AGAIN_MS);
  }

  /** Neither says nor hears anything any more. */
  crash(tab: string): void {
    this.#ears.delete(tab);
  }
}

/** Asks for the lock; `held` says whether it was given, `free` gives it back. */
function ask(locks: ChannelLocks, options: { ifAvailable?: boolean; signal?: AbortSignal } = {}) {
  const asked = {
    held: undefined as boolean | undefined,
    free: () => {},
    ended: undefined as Promise<unknown> | undefined,
  };
  asked.ended = locks
    .request("lock", options, (lock) => {
      asked.held = lock !== null;
      return new Promise((resolve) => {
        asked.free = resolve;
        if (!lock) resolve();
      });
    })
    .catch((refused: unknown) => refused);
  return asked;
}

test("a tab alone has the lock when nobody has answered", async () => {
  const asked = ask(new Tabs().open("a"));
  await vi.advanceTimersByTimeAsync(ANSWER_MS - 10);
  expect(asked.held).toBeUndefined();
  await vi.advanceTimersByTimeAsync(20);
  expect(asked.held).toBe(true);
});

test("of tabs that ask at the same time one has it, whoever asked first", async () => {
  for (const order of [
    ["a", "b", "c"],
    ["c", "b", "a"],
    ["b", "c", "a"],
  ]) {
    const tabs = new Tabs();
    const asked = [];
    for (const tab of order) {
      asked.push(ask(tabs.open(tab)));
      await vi.advanceTimersByTimeAsync(100);
    }
    await vi.advanceTimersByTimeAsync(2 * ANSWER_MS);
    expect(asked.filter(({ held }) => held).length).toBe(1);
  }
});

test("who waits has it as soon as it is free; who only wanted to know is told at once", async () => {
  const tabs = new Tabs();
  const first = ask(tabs.open("b"));
  await vi.advanceTimersByTimeAsync(ANSWER_MS + 10);
  const [waiting, asking] = [ask(tabs.open("a")), ask(tabs.open("c"), { ifAvailable: true })];
  await vi.advanceTimersByTimeAsync(20);
  expect([waiting.held, asking.held]).toEqual([undefined, false]);
  first.free();
  await vi.advanceTimersByTimeAsync(ANSWER_MS + 10);
  expect(waiting.held).toBe(true);
});

test("the lock of a tab that crashed is found free", async () => {
  const tabs = new Tabs();
  ask(tabs.open("a"));
  await vi.advanceTimersByTimeAsync(ANSWER_MS + 10);
  const waiting = ask(tabs.open("b"));
  await vi.advanceTimersByTimeAsync(ASK_AGAIN_MS);
  expect(waiting.held).toBeUndefined();
  tabs.crash("a");
  await vi.advanceTimersByTimeAsync(ASK_AGAIN_MS + 2 * ANSWER_MS);
  expect(waiting.held).toBe(true);
});

test("who has left the line gets nothing any more", async () => {
  const tabs = new Tabs();
  const first = ask(tabs.open("a"));
  await vi.advanceTimersByTimeAsync(ANSWER_MS + 10);
  const leaving = new AbortController();
  const waiting = ask(tabs.open("b"), { signal: leaving.signal });
  await vi.advanceTimersByTimeAsync(100);
  leaving.abort();
  first.free();
  await vi.advanceTimersByTimeAsync(ASK_AGAIN_MS);
  expect(await waiting.ended).toMatchObject({ name: "AbortError" });
  expect(waiting.held).toBeUndefined();
});

test("a tab that asks for its own lock again has it after itself", async () => {
  const locks = new Tabs().open("a");
  const first = ask(locks);
  await vi.advanceTimersByTimeAsync(ANSWER_MS + 10);
  const second = ask(locks);
  first.free();
  await vi.advanceTimersByTimeAsync(ANSWER_MS + 10);
  expect(second.held).toBe(true);
});
