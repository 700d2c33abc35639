/** A long answer of all kinds of events, cut at each of them: one fold, and the one that Python has. */

import { createRegistry, equals, fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { Fold } from "../../src/fold.js";
import { StreamJobResponseSchema } from "../../src/gen/streamsvc/v1/job_service_pb.js";
import { type JobState, JobStateSchema } from "../../src/gen/streamsvc/v1/state_pb.js";
import { bytes, story } from "../support/golden.js";
import { seeded } from "../support/seeded.js";

const SEED = 5000;
/** How many events those go on that are cut anywhere. */
const FURTHER = 200;
/** How many go on to the end. */
const TO_THE_END = 100;

const { frames, states } = story();
const EVENTS = frames.flatMap((frame) => fromBinary(StreamJobResponseSchema, bytes(frame)).events);
const END = EVENTS.length;

const stateOf = (state: Uint8Array) => fromBinary(JobStateSchema, state);
const bytesOf = (fold: Fold) => Buffer.from(toBinary(JobStateSchema, fold.state));

/** What is folded without a cut, after so many events each. */
const UNCUT = ((fold) => [bytesOf(fold), ...EVENTS.map((event) => bytesOf(apply(fold, event)))])(new Fold());

function apply(fold: Fold, ...events: typeof EVENTS): Fold {
  for (const event of events) fold.apply(event);
  return fold;
}

/** A fold that begins with the bytes of a state. */
function cutAfter(offset: number): Fold {
  return new Fold(stateOf(UNCUT[offset] as Buffer));
}

function expectUncut(fold: Fold, cut: number): void {
  if (!bytesOf(fold).equals(UNCUT[fold.offset] as Buffer)) expect.fail(`cut after ${cut}, ${fold.offset} differs`);
}

test("uncut, it folds to the states that Python has", () => {
  expect(EVENTS.map(({ offset }) => offset)).toEqual(Array.from({ length: 5_000 }, (_, index) => index + 1));
  expect(Object.keys(states)).toContain(`${END}`);
  const options = { unknown: true, registry: createRegistry() };
  for (const [offset, hex] of Object.entries(states)) {
    // As messages: entries of maps have no order.
    const [here, there] = [UNCUT[Number(offset)] as Buffer, bytes(hex)].map(stateOf) as [JobState, JobState];
    expect(equals(JobStateSchema, here, there, options)).toBe(true);
  }
});

test("cut after each event, the next one leads to the same state, and so do those after it", () => {
  // The former, byte for byte, means by induction that who is cut after all of them comes to the same end.
  for (let cut = 0; cut < END; cut++) {
    const fold = cutAfter(cut);
    expectUncut(apply(fold, ...EVENTS.slice(cut, cut + 1)), cut);
    expectUncut(apply(fold, ...EVENTS.slice(cut + 1, cut + FURTHER)), cut);
  }
});

test("cut somewhere, it comes to the same end", () => {
  const random = seeded(SEED);
  for (let count = 0; count < TO_THE_END; count++) {
    const cut = Math.floor(random() * END);
    const fold = apply(cutAfter(cut), ...EVENTS.slice(cut));
    expect(fold.offset).toBe(END);
    expectUncut(fold, cut);
  }
});
