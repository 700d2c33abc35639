/** Which of a browser's two pools of connections is called over: not again the one that fell silent. */

import { Code, createClient, createRouterTransport, type Transport } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { JobService } from "../../src/gen/streamsvc/v1/job_service_pb.js";
import { grpcWebTransport } from "../../src/transport.js";
import { final, head, part, readAll } from "../support/events.js";
import { FakePage } from "../support/page.js";
import { CUT, clientOf, error, fails, hangs, says, scripted } from "../support/scripted.js";

const WHOLE = says(head(2), { events: [part(1), final(2)] });
const SILENT = hangs();

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A client whose calls follow the scripts, and the pools that it asked for. */
function asking(...scripts: Parameters<typeof scripted>) {
  const page = new FakePage();
  const { transport } = scripted(...scripts);
  const pools: string[] = [];
  const noted = (baseUrl: string, spare?: boolean): Transport => {
    pools.push(spare ? "spare" : "usual");
    return transport(baseUrl);
  };
  const client = clientOf(noted, { heartbeatIntervalMs: 1_000 }, { page: page.page });
  return { client, page, pools };
}

test("after a silence it is the other one, after the next silence the first one again", async () => {
  const { client, pools } = asking(SILENT, SILENT, WHOLE);
  const reading = readAll(client.stream("j"));
  await vi.runAllTimersAsync();
  expect(await reading).toEqual([1, 2]);
  expect(pools).toEqual(["usual", "spare", "usual"]);
});

test("after a cut it is the usual one: the browser knows that the connection is gone", async () => {
  const { client, pools } = asking(fails(CUT), SILENT, fails(CUT), WHOLE);
  const reading = readAll(client.stream("j"));
  await vi.runAllTimersAsync();
  expect(await reading).toEqual([1, 2]);
  expect(pools).toEqual(["usual", "usual", "spare", "usual"]);
});

test("two streams that fall silent together move on once", async () => {
  const { client, pools } = asking(SILENT, SILENT, WHOLE, WHOLE);
  const readings = ["a", "b"].map((id) => readAll(client.stream(id)));
  await vi.runAllTimersAsync();
  expect(await Promise.all(readings)).toEqual([
    [1, 2],
    [1, 2],
  ]);
  expect(pools).toEqual(["usual", "spare"]);
});

test("when the network is back it is the other one: what was open before is dead, whether the browser knows or not", async () => {
  const { client, page, pools } = asking(hangs(head(2), { events: [part(1)] }), says(head(2), { events: [final(2)] }));
  const reading = readAll(client.stream("j"));
  await vi.advanceTimersByTimeAsync(10);
  page.online();
  await vi.advanceTimersByTimeAsync(10);
  expect(await reading).toEqual([1, 2]);
  expect(pools).toEqual(["usual", "spare"]);
});

test.each([Code.Unauthenticated, Code.PermissionDenied])(
  "what something on the way refuses over the spare pool (code %i), for want of a cookie say, is tried again over the usual one",
  async (code) => {
    const { client, pools } = asking(SILENT, fails(error(code)), WHOLE);
    const reading = readAll(client.stream("j"));
    await vi.runAllTimersAsync();
    expect(await reading).toEqual([1, 2]);
    expect(pools).toEqual(["usual", "spare", "usual"]);
  },
);

test("what the service refuses is final over both", async () => {
  const { client } = asking(SILENT, fails(error(Code.PermissionDenied, "SCOPE_MISSING")), WHOLE);
  const failed = readAll(client.stream("j")).catch((thrown: unknown) => thrown);
  await vi.runAllTimersAsync();
  expect(await failed).toMatchObject({ reason: "SCOPE_MISSING" });
});

test("a call that nobody answers moves on too, and the pool that was left is called once more, so that it is looked at", async () => {
  const calls: string[] = [];
  const transport = (_: string, spare?: boolean) =>
    createRouterTransport(({ service }) =>
      service(JobService, {
        cancelJob: async (_, { signal }) => {
          calls.push(`cancel, ${spare ? "spare" : "usual"}`);
          if (spare) return { job: { id: "j" } };
          return new Promise((_resolve, reject) =>
            signal.addEventListener("abort", () => reject(signal.reason as Error)),
          );
        },
        listJobs: () => {
          calls.push(`list, ${spare ? "spare" : "usual"}`);
          return {};
        },
      }),
    );
  const cancelling = clientOf(transport, { callTimeoutMs: 4_000 }).cancel("j");
  await vi.advanceTimersByTimeAsync(2_100);
  expect((await cancelling).id).toBe("j");
  expect(calls).toEqual(["cancel, usual", "cancel, spare"]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(calls.slice(2)).toEqual(["list, usual"]);
});

test.each([
  ["https://chat.example.com", ["same-origin", "omit"]],
  ["https://api.example.com", ["same-origin", "include"]],
])(
  "for a page of https://chat.example.com, a browser keeps two pools for %s by these credentials",
  async (url, both) => {
    const used: unknown[] = [];
    vi.stubGlobal("location", { href: "https://chat.example.com/#/c1" });
    vi.stubGlobal("fetch", async (_: string, { credentials }: RequestInit) => {
      used.push(credentials);
      return new Response(null, { headers: { "grpc-status": "0" } });
    });
    for (const spare of [false, true]) {
      const service = createClient(JobService, grpcWebTransport(url, spare));
      for await (const _ of service.streamJob({ jobId: "j" }));
    }
    expect(used).toEqual(both);
    vi.unstubAllGlobals();
  },
);
