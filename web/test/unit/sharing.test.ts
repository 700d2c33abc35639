/** Which clients share their streams with other tabs. */

import { afterEach, expect, test, vi } from "vitest";

import type { Calls } from "../../src/calls.js";
import type { ClientOptions } from "../../src/options.js";
import { patienceOf } from "../../src/options.js";
import { NO_PAGE } from "../../src/page.js";
import { CHANCE } from "../../src/retries.js";
import { shared } from "../../src/shared/tabs.js";

const NETWORK = {} as Calls;
const WORLD = { patience: patienceOf({}), chance: CHANCE, page: NO_PAGE, wallClock: Date.now };

afterEach(() => {
  vi.unstubAllGlobals();
});

function shares(protocol: string | undefined, options: ClientOptions): boolean {
  vi.stubGlobal("location", protocol && { protocol });
  vi.stubGlobal("navigator", { locks: { request: () => new Promise(() => {}) } });
  const calls = shared(NETWORK, ["http://one"], options, WORLD);
  calls?.close();
  return calls !== undefined;
}

const token = () => "t";

test("by itself over plain HTTP only", () => {
  expect([shares("http:", {}), shares("https:", {}), shares(undefined, {})]).toEqual([true, false, false]);
});

test("by itself with a token only if it is known whose it is", () => {
  expect([shares("http:", { token }), shares("http:", { token, identity: "ada" })]).toEqual([false, true]);
});

test("as the page decides", () => {
  const asked = [{ shareAcrossTabs: true }, { shareAcrossTabs: true, token }, { shareAcrossTabs: false }] as const;
  expect(asked.map((options) => shares("https:", options))).toEqual([true, true, false]);
  expect(asked.map((options) => shares("http:", options))).toEqual([true, true, false]);
});

test("not where tabs cannot hear each other", () => {
  vi.stubGlobal("BroadcastChannel", undefined);
  expect(shares("http:", { shareAcrossTabs: true })).toBe(false);
});
