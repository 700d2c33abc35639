/** The bytes of the wire contract, and snapshots in slices. */

import { create, equals, fromBinary, fromJson, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { StreamJobResponseSchema } from "../../src/gen/streamsvc/v1/job_service_pb.js";
import { JobStateSchema } from "../../src/gen/streamsvc/v1/state_pb.js";
import { SnapshotJoin } from "../../src/slices.js";
import { bytes, WIRE_CASES } from "../support/golden.js";

test.each(WIRE_CASES)("$name: read and written again it is the same bytes", ({ hex }) => {
  const message = fromBinary(StreamJobResponseSchema, bytes(hex));
  expect(Buffer.from(toBinary(StreamJobResponseSchema, message)).toString("hex")).toBe(hex);
});

test.each(WIRE_CASES)("$name: it is what its JSON says", ({ hex, json }) => {
  const message = fromBinary(StreamJobResponseSchema, bytes(hex));
  const wanted = fromJson(StreamJobResponseSchema, json);
  expect(equals(StreamJobResponseSchema, message, wanted)).toBe(true);
});

test("offsets are plain numbers", () => {
  const message = fromBinary(StreamJobResponseSchema, bytes("0a0b08071a07120548656c6c6f2004"));
  expect([message.events[0]?.offset, message.lastOffset]).toEqual([7, 4]);
});

type State = MessageInitShape<typeof JobStateSchema>;

function joined(...slices: State[]) {
  const join = new SnapshotJoin();
  for (const slice of slices) join.add(create(JobStateSchema, slice));
  return join.state();
}

const text = (index: number, said: string) => ({ index, kind: { case: "text", value: { text: said } } }) as const;
const call = (index: number, argumentsJson: string) =>
  ({ index, kind: { case: "toolCall", value: { argumentsJson } } }) as const;

test("slices: the golden pair", () => {
  const join = new SnapshotJoin();
  for (const wanted of ["snapshot_slice", "last_snapshot_slice"]) {
    const hex = WIRE_CASES.find(({ name }) => name === wanted)?.hex ?? "";
    const { snapshot } = fromBinary(StreamJobResponseSchema, bytes(hex));
    if (snapshot) join.add(snapshot);
  }
  expect(join.state()).toMatchObject({ offset: 41, job: { owner: "ada" } });
  expect(join.state().parts).toEqual([create(JobStateSchema, { parts: [text(0, "Hello")] }).parts[0]]);
});

test("slices: a part that goes on, one that begins, lists that grow", () => {
  const whole = joined(
    { offset: 9, parts: [text(0, "a")], errors: [{ reason: "R" }] },
    { parts: [text(0, "b")], errors: [{ reason: "S" }] },
    { parts: [text(0, "c"), text(1, "x")] },
    { parts: [text(2, "y"), call(3, "{")] },
    { parts: [call(3, "}")] },
  );
  const parts = [text(0, "abc"), text(1, "x"), text(2, "y"), call(3, "{}")];
  const wanted = create(JobStateSchema, { offset: 9, parts, errors: [{ reason: "R" }, { reason: "S" }] });
  expect(whole).toEqual(wanted);
});

test("slices: a part whose kind is of a later version keeps its place", () => {
  const later = fromBinary(JobStateSchema, bytes("2207ca3e0208010801"));
  const join = new SnapshotJoin();
  for (const slice of [{ parts: [text(0, "a")] }, later, { parts: [text(2, "b")] }]) {
    join.add(create(JobStateSchema, slice));
  }
  const { parts } = join.state();
  expect(parts.map(({ index, kind }) => [index, kind.case])).toEqual([
    [0, "text"],
    [1, undefined],
    [2, "text"],
  ]);
  expect(parts[1]?.$unknown).toHaveLength(1);
});
