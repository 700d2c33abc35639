/** When a stream calls again, how long it waits before, and when it gives up. */

import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Backoff } from "../../src/backoff.js";
import { errorOf } from "../../src/details.js";
import type { StreamsvcError } from "../../src/errors.js";
import { isResumable, REASONS, unreachable } from "../../src/errors.js";
import { final, head, part, readAll, text } from "../support/events.js";
import { CUT, clientOf, error, fails, hangs, says, scripted } from "../support/scripted.js";

const DEFAULTS = { backoff: new Backoff(), giveUpAfterMs: 300_000 };
const CHANCE = { now: () => performance.now(), random: () => 1 };
const WHOLE = says(head(2), { events: [part(1), final(2)] });
const REST = says(head(2), { events: [final(2)] });

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** How a reading ended. */
function ending(reading: Promise<unknown>): Promise<StreamsvcError> {
  return reading.then(
    () => expect.fail("it did not fail"),
    (error: StreamsvcError) => error,
  );
}

test.each([Code.Unknown, Code.Internal, Code.Canceled, Code.DeadlineExceeded, Code.Unavailable])(
  "code %i without our ErrorInfo was said on the way: the stream goes on",
  async (code) => {
    const { transport } = scripted(fails(error(code), head(2)), fails(error(code, "OTHER", 0, "else.where")), WHOLE);
    const reading = readAll(clientOf(transport).stream("j"));
    await vi.runAllTimersAsync();
    expect(await reading).toEqual([1, 2]);
  },
);

test.each([
  [Code.Internal, "INTERNAL"],
  [Code.Unauthenticated, "TOKEN_MISSING"],
  [Code.DataLoss, "LOG_CORRUPT"],
  [Code.Unauthenticated, undefined],
  [Code.Unimplemented, undefined],
])("code %i with reason %s is final", async (code, reason) => {
  const { transport, calls } = scripted(fails(error(code, reason)), WHOLE);
  const failed = ending(readAll(clientOf(transport).stream("j")));
  await vi.runAllTimersAsync();
  expect(await failed).toMatchObject({ reason: reason ?? "UNREACHABLE", code });
  expect(calls.requests.length).toBe(1);
});

test("what the library says of connections that broke, in the middle of a message too, is no word of a service", () => {
  const broken = [
    new ConnectError("read ECONNRESET", Code.Aborted),
    new ConnectError("protocol error: incomplete envelope", Code.InvalidArgument),
  ];
  expect(broken.map((thrown) => isResumable(errorOf(thrown)))).toEqual([true, true]);
  const said = { "grpc-status": "3" };
  expect(isResumable(errorOf(new ConnectError("wrong", Code.InvalidArgument, said)))).toBe(false);
});

test("a message that is too large for this client is final the second time", async () => {
  const large = error(Code.ResourceExhausted);
  const { transport, calls } = scripted(fails(large), fails(large, {}), WHOLE);
  const failed = ending(readAll(clientOf(transport).stream("j")));
  await vi.runAllTimersAsync();
  expect((await failed).code).toBe(Code.ResourceExhausted);
  expect(calls.requests.length).toBe(2);
});

test("overload is waited for, for as long as the service says, also after progress", async () => {
  const busy = error(Code.ResourceExhausted, "OVERLOADED", 7_000);
  const { transport, calls } = scripted(fails(busy, head(2), { events: [part(1)] }), fails(busy), REST);
  const reading = readAll(clientOf(transport, DEFAULTS).stream("j"));
  await vi.advanceTimersByTimeAsync(6_900);
  expect(calls.requests.length).toBe(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(calls.requests.length).toBe(2);
  await vi.runAllTimersAsync();
  expect(await reading).toEqual([1, 2]);
});

test("the first retry is immediate, the others wait: exponentially, up to the limit, anew after progress", async () => {
  const moments: number[] = [];
  const cut = (after = 0) => {
    const script = after > 0 ? fails(CUT, { epoch: "e1" }, { events: [text(after)] }) : fails(CUT);
    return ((request, signal) => {
      moments.push(performance.now());
      return script(request, signal);
    }) as typeof script;
  };
  const { transport } = scripted(
    ...Array.from({ length: 10 }, () => cut()),
    cut(1),
    cut(),
    says(head(2), { events: [final(2)] }),
  );
  const reading = readAll(clientOf(transport, DEFAULTS, { chance: CHANCE }).stream("j"));
  await vi.runAllTimersAsync();
  expect(await reading).toEqual([1, 2]);
  const waits = moments.slice(1).map((moment, i) => Math.round(moment - (moments[i] ?? 0)));
  expect(waits).toEqual([0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 0]);
});

test("full jitter", () => {
  const delays = [0, 0.25, 0.5].map((chance) => new Backoff(100, 10_000).delayMs(3, () => chance));
  expect(delays).toEqual([0, 200, 400]);
});

test("it gives up when nothing came for long, and says what the last failure was", async () => {
  const { transport } = scripted(...Array.from({ length: 1000 }, () => fails(CUT)));
  const failed = ending(readAll(clientOf(transport, DEFAULTS, { chance: CHANCE }).stream("j")));
  await vi.advanceTimersByTimeAsync(299_000);
  await vi.advanceTimersByTimeAsync(12_000);
  expect(await failed).toMatchObject({ reason: "GAVE_UP", cause: { reason: "UNREACHABLE", message: "cut" } });
});

test("heartbeats are a reason not to give up", async () => {
  const { transport } = scripted(...Array.from({ length: 100 }, () => fails(CUT, {})), WHOLE);
  const reading = readAll(clientOf(transport, DEFAULTS, { chance: CHANCE }).stream("j"));
  await vi.runAllTimersAsync();
  expect(performance.now()).toBeGreaterThan(300_000);
  expect(await reading).toEqual([1, 2]);
});

test("two heartbeats of silence end the call; without progress twice as long is asked for", async () => {
  const { transport, calls } = scripted(hangs(), hangs({ epoch: "e1" }), REST);
  const stream = clientOf(transport, { heartbeatIntervalMs: 1_000 }).stream("j", {
    cursor: { epoch: "e1", offset: 1 },
  });
  const reading = readAll(stream);
  await vi.advanceTimersByTimeAsync(1_990);
  expect([calls.requests.length, calls.open.size]).toEqual([1, 1]);
  await vi.advanceTimersByTimeAsync(20);
  expect([calls.requests.length, calls.open.size]).toEqual([2, 1]);
  await vi.advanceTimersByTimeAsync(3_970);
  expect(calls.requests.length).toBe(2);
  await vi.runAllTimersAsync();
  expect(await reading).toEqual([2]);
  expect(calls.requests.map(({ heartbeatInterval }) => Number(heartbeatInterval?.seconds))).toEqual([1, 2, 4]);
  expect(calls.connections.length).toBe(3);
});

test("heartbeats keep a call that has nothing to say", async () => {
  const slow = async function* () {
    for (let beat = 0; beat < 10; beat++) {
      await new Promise((resolve) => setTimeout(resolve, 1_900));
      yield { lastOffset: 2 };
    }
    yield* [head(2), { events: [part(1), final(2)] }];
  };
  const { transport, calls } = scripted(slow);
  const reading = readAll(clientOf(transport, { heartbeatIntervalMs: 1_000 }).stream("j"));
  await vi.runAllTimersAsync();
  expect(await reading).toEqual([1, 2]);
  expect(calls.requests.length).toBe(1);
});

test("the time that a reader takes is not the service's silence", async () => {
  const { transport, calls } = scripted(says(head(3), { events: [part(1)] }, { events: [text(2), final(3)] }));
  const reading = (async () => {
    for await (const _ of clientOf(transport, { heartbeatIntervalMs: 1_000 }).stream("j")) {
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    }
  })();
  await vi.runAllTimersAsync();
  await reading;
  expect(calls.requests.length).toBe(1);
});

test("a token that is refused is asked for anew, once", async () => {
  const refused = error(Code.Unauthenticated, "TOKEN_INVALID");
  const { transport, calls } = scripted(fails(CUT), fails(refused), fails(CUT, {}), fails(refused), fails(refused));
  let asked = 0;
  const client = clientOf(transport, { token: async () => `t${++asked}` });
  const failed = ending(readAll(client.stream("j")));
  await vi.runAllTimersAsync();
  expect((await failed).reason).toBe("TOKEN_INVALID");
  // Kept over a cut; after the second one, which had said something, there is another chance.
  expect(calls.tokens).toEqual(["t1", "t1", "t2", "t2", "t3"].map((token) => `Bearer ${token}`));
});

test("without a callback a refused token is final", async () => {
  const { transport, calls } = scripted(fails(error(Code.Unauthenticated, "TOKEN_INVALID")), WHOLE);
  expect((await ending(readAll(clientOf(transport).stream("j")))).reason).toBe("TOKEN_INVALID");
  expect(calls.tokens).toEqual([null]);
});

test("each failure moves on to the next base URL", async () => {
  const { transport, calls } = scripted(fails(CUT), fails(CUT, head(2), { events: [part(1)] }), says(), REST);
  const { StreamsvcClient } = await import("../../src/client.js");
  const client = new StreamsvcClient(["http://a", "http://b"], { transport, backoff: new Backoff(1, 2) });
  const reading = readAll(client.stream("j"));
  await vi.runAllTimersAsync();
  expect(await reading).toEqual([1, 2]);
  expect(calls.connections).toEqual(["http://a", "http://b", "http://a", "http://b"]);
});

test("closing ends the iteration at once and without an error, amid a call and amid a wait", async () => {
  for (const script of [
    hangs(head(9), { events: [part(1)] }),
    fails(error(Code.Unavailable, "SERVER_DRAINING", 60_000)),
  ]) {
    const { transport, calls } = scripted(script);
    const stream = clientOf(transport).stream("j");
    const reading = readAll(stream);
    await vi.advanceTimersByTimeAsync(100);
    stream.close();
    await reading;
    expect([calls.open.size, vi.getTimerCount()]).toEqual([0, 0]);
  }
});

test("the reasons are those of docs/errors.md", async () => {
  const { readFileSync } = await import("node:fs");
  const text = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");
  const rows = [...text.matchAll(/^\| ([A-Z_]+) \|/gm)].map(([, reason]) => reason);
  expect(REASONS).toEqual(rows);
  expect(isResumable(unreachable("cut"))).toBe(true);
});
