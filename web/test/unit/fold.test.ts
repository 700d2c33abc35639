/** The fold against all golden cases, cut anywhere. */

import { create, createRegistry, equals, fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { Fold } from "../../src/fold.js";
import { EventSchema } from "../../src/gen/streamsvc/v1/event_pb.js";
import { StreamJobResponseSchema } from "../../src/gen/streamsvc/v1/job_service_pb.js";
import { type JobState, JobStateSchema } from "../../src/gen/streamsvc/v1/state_pb.js";
import { bytes, FOLD_CASES } from "../support/golden.js";

const stateOf = (hex: string) => fromBinary(JobStateSchema, bytes(hex));
/** The state as another process would get it. */
const sent = (state: JobState) => fromBinary(JobStateSchema, toBinary(JobStateSchema, state));

/** As messages: entries of maps have no order, and fields that are not known count too. */
function expectEqual(state: JobState, wanted: JobState): void {
  const same = equals(JobStateSchema, state, wanted, { unknown: true, registry: createRegistry() });
  if (!same) expect(state).toEqual(wanted);
  expect(same).toBe(true);
}

test("there are golden cases", () => {
  expect(FOLD_CASES.length).toBeGreaterThanOrEqual(26);
});

test.each(FOLD_CASES)("$name: $rule", ({ begin, frames, state }) => {
  const events = frames.flatMap((frame) => fromBinary(StreamJobResponseSchema, bytes(frame)).events);
  expect(events.length).toBe(frames.length);
  for (let cut = 0; cut <= events.length; cut++) {
    const first = new Fold(stateOf(begin));
    for (const event of events.slice(0, cut)) first.apply(event);
    const second = new Fold(sent(first.state));
    for (const event of events.slice(cut)) second.apply(event);
    expectEqual(second.state, stateOf(state));
  }
});

test.each(FOLD_CASES)("$name: states that were given do not change any more", ({ begin, frames, state }) => {
  const before = stateOf(begin);
  const fold = new Fold(before);
  const given: [JobState, Uint8Array][] = [[before, toBinary(JobStateSchema, before)]];
  for (const frame of frames) {
    for (const event of fromBinary(StreamJobResponseSchema, bytes(frame)).events) fold.apply(event);
    given.push([fold.state, toBinary(JobStateSchema, fold.state)]);
  }
  expectEqual(fold.state, stateOf(state));
  for (const [was, encoded] of given) expect(toBinary(JobStateSchema, was)).toEqual(encoded);
});

function long(deltas: number): Fold {
  const fold = new Fold();
  const part = { kind: { case: "text", value: { text: "" } } } as const;
  for (let offset = 1; offset <= 2; offset++) {
    fold.apply(create(EventSchema, { offset, payload: { case: "partStarted", value: { part } } }));
  }
  for (let offset = 3; offset < 3 + deltas; offset++) {
    fold.apply(create(EventSchema, { offset, payload: { case: "textDelta", value: { partIndex: 1, text: "word " } } }));
  }
  return fold;
}

test("a long text does not take quadratic time, nor does looking at it often", () => {
  const fold = long(100_000);
  for (let offset = fold.offset + 1; offset < 110_000; offset++) {
    fold.apply(create(EventSchema, { offset, payload: { case: "textDelta", value: { partIndex: 1, text: "word " } } }));
    expect(fold.state.offset).toBe(offset);
  }
  expect(fold.state.parts[1]?.kind.value).toMatchObject({ text: "word ".repeat(109_997) });
});

test("what has not changed is the same object in later states", () => {
  const fold = long(1);
  const before = fold.state;
  expect(fold.state).toBe(before);
  fold.apply(create(EventSchema, { offset: 4, payload: { case: "textDelta", value: { partIndex: 1, text: "more" } } }));
  expect(fold.state.parts[0]).toBe(before.parts[0]);
  expect(fold.state.parts[1]).not.toBe(before.parts[1]);
});
