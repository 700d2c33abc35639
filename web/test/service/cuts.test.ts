/** The client through ways that are cut at random bytes, on both sides of Envoy, until enough of them were. */

import { equals } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { CatchUpMode, EventSchema, isSnapshot, type Item, JobStateSchema } from "../../src/index.js";
import { seeded } from "../support/seeded.js";
import { answer, clientOf, count, given, script } from "./rig.js";

const WORKERS = 32;
const TOKENS = 300;

/** Of the 1,000 cuts some break calls with one answer, and some of those behind Envoy the streams of all readers. */
const LEAST_RECONNECTS = 500;

const random = seeded(1);
const cut = clientOf(given("CUT_ADDRESS"), random);
/** Behind this address Envoy's connections to the service are cut, but none before it. */
const edge = clientOf(given("EDGE_ADDRESS"), random);

let reconnects = 0;

test("every reader is exact", { timeout: 90_000 }, async () => {
  let enough = false;
  const ended = follow(given("UNTIL_JOB"), CatchUpMode.REPLAY).then(() => (enough = true));
  const work = async (_: unknown, worker: number) => {
    const conversationId = `cuts-${worker}`;
    const begun: string[] = [];
    while (!enough) begun.unshift(await oneJob(conversationId));
    const ids = [];
    for await (const { id } of cut.jobs({ conversationId })) ids.push(id);
    // Each was started once, however often the call had to be repeated.
    expect(ids).toEqual(begun);
  };
  await Promise.all([ended, ...Array.from({ length: WORKERS }, work)]);
  expect(reconnects).toBeGreaterThan(LEAST_RECONNECTS);
});

/** Starts a job that is followed by one reader from its beginning and by one who joins late, and returns its id. */
async function oneJob(conversationId: string): Promise<string> {
  const { id } = await cut.start({ ...script(TOKENS, 200, { rich: true }), conversationId });
  const readers = await Promise.all([follow(id, CatchUpMode.REPLAY), joinLate(id)]);
  const state = await edge.getState(id);
  const log = await follow(id, CatchUpMode.REPLAY, edge);
  expect(answer(state)).toBe(count(TOKENS));
  expect(log.items.at(-1)).toMatchObject({ offset: state.offset, payload: { case: "jobCompleted" } });
  for (const reader of [...readers, log]) {
    expect(equals(JobStateSchema, reader.state, state)).toBe(true);
    const [first] = reader.items;
    const events = first && isSnapshot(first) ? reader.items.slice(1) : reader.items;
    const rest = log.items.slice(log.items.length - events.length);
    // Nothing is ever trimmed or lost here: another snapshot than the one asked for hides events, which is a gap.
    expect(events.every((item, i) => same(item, rest[i]))).toBe(true);
    expect((first?.offset ?? 0) + reader.items.length - 1).toBe(state.offset);
  }
  return id;
}

async function joinLate(id: string) {
  const at = Math.ceil(random() * TOKENS);
  for await (const { offset } of cut.stream(id)) if (offset >= at) break;
  return follow(id, CatchUpMode.SNAPSHOT);
}

async function follow(id: string, catchUp: CatchUpMode, client = cut) {
  const stream = client.stream(id, { catchUp, fold: true });
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  reconnects += stream.reconnects;
  return { items, state: stream.state };
}

function same(item: Item, other: Item | undefined): boolean {
  return !!other && !isSnapshot(item) && !isSnapshot(other) && equals(EventSchema, item, other);
}
