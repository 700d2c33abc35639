/** Which readers can join a shared call, and what they are told. */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { JobStatus } from "../../src/gen/streamsvc/v1/job_pb.js";
import {
  CatchUpMode,
  StreamJobRequestSchema,
  StreamJobResponseSchema,
  WatchJobsRequestSchema,
  WatchJobsResponseSchema,
} from "../../src/gen/streamsvc/v1/job_service_pb.js";
import { JobLine } from "../../src/shared/job-line.js";
import { Lines } from "../../src/shared/lines.js";
import { WatchLine } from "../../src/shared/watch-line.js";
import { head, piece, state, text } from "../support/events.js";
import type { Message } from "../support/scripted.js";

const { REPLAY, SNAPSHOT, SKIP } = CatchUpMode;

function at(epoch: string, afterOffset: number, catchUp = REPLAY) {
  return create(StreamJobRequestSchema, { jobId: "j", epoch, afterOffset, catchUp });
}

function line(begin = at("", 0), ...messages: Message[]): JobLine {
  const made = new JobLine(begin);
  for (const message of messages) made.take(create(StreamJobResponseSchema, message));
  return made;
}

/** Whether a reader at such places could join, and the offsets that it would be told. */
function joins(to: JobLine, ...places: ReturnType<typeof at>[]) {
  return places.map((place) => to.accepts(place) && (to.opening(place)?.events.map(({ offset }) => offset) ?? "later"));
}

test("before anything has come only those that would ask the same", () => {
  expect(joins(line(at("e1", 3)), at("e1", 3), at("e1", 2), at("e2", 3), at("e1", 3, SNAPSHOT))).toEqual([
    "later",
    false,
    false,
    false,
  ]);
});

test("then those whose next event is kept, in the present epoch or from the beginning", () => {
  const whole = line(at("", 0), { epoch: "e1", lastOffset: 2 }, { events: [text(1), text(2)] });
  expect(joins(whole, at("", 0), at("e1", 1), at("e1", 2))).toEqual([[1, 2], [2], []]);
  expect(joins(whole, at("e1", 3), at("e0", 1), at("", 0, SNAPSHOT), at("", 0, SKIP))).toEqual([
    false,
    false,
    false,
    false,
  ]);
  const late = line(at("e1", 5), { epoch: "e1", lastOffset: 6 }, { events: [text(6)] });
  expect(joins(late, at("e1", 5), at("e1", 4), at("", 0))).toEqual([[6], false, false]);
});

test("amid a snapshot nobody, behind it those that are there", () => {
  const slices = [
    { snapshot: state(7, "a"), snapshotContinues: true },
    { snapshot: piece("b"), epoch: "e2" },
  ];
  const before: Message[] = [{ epoch: "e1", lastOffset: 7 }, { events: [text(1)] }];
  expect(joins(line(at("", 0), ...before, ...slices.slice(0, 1)), at("", 0), at("e1", 1))).toEqual([false, false]);
  const behind = line(at("", 0), ...before, ...slices, { events: [text(8)] });
  expect(joins(behind, at("", 0), at("e2", 7), at("e2", 8))).toEqual([false, [8], []]);
  expect(behind.place()).toMatchObject({ epoch: "e2", afterOffset: 8, catchUp: REPLAY });
});

test("a call that skips is at the end of what there was", () => {
  const skipping = line(at("", 0, SKIP), {}, { epoch: "e1", lastOffset: 7 });
  expect(skipping.place()).toMatchObject({ epoch: "e1", afterOffset: 7 });
  expect(line(at("", 0, SKIP), {}).place()).toBeUndefined();
});

test("only the newest events are kept", () => {
  const long = line(at("", 0), { epoch: "e1" });
  for (let offset = 1; offset <= 20_000; offset++)
    long.take(create(StreamJobResponseSchema, { events: [text(offset)] }));
  const [old, near] = joins(long, at("e1", 10_000), at("e1", 19_998));
  expect([old, near]).toEqual([false, [19_999, 20_000]]);
});

test("who joins hears whether the log is closed", () => {
  const closed = line(at("", 0), { ...head(1), events: [text(1)] });
  expect(closed.opening(at("e1", 1))).toMatchObject({ epoch: "e1", lastOffset: 1, closed: true });
  expect([closed.finished(), line().finished()]).toEqual([true, false]);
});

const job = (id: string, status = JobStatus.RUNNING) => ({ id, status });

function watching(begin: string, ...messages: MessageInitShape<typeof WatchJobsResponseSchema>[]) {
  const made = new WatchLine(create(WatchJobsRequestSchema, { watchToken: begin }));
  for (const message of messages) made.take(create(WatchJobsResponseSchema, message));
  return (watchToken: string) => {
    const request = create(WatchJobsRequestSchema, { watchToken });
    if (!made.accepts(request)) return false;
    const opening = made.opening(request);
    if (!opening) return "later";
    const { jobs, removedJobIds, ...told } = opening;
    return [jobs.map(({ id }) => id).join(), removedJobIds.join(), told.reset, told.caughtUp, told.watchToken];
  };
}

test("who comes to a watch is told what is open, what has happened since, or to begin anew", () => {
  const standing = { jobs: [job("a"), job("b")], caughtUp: true, watchToken: "t2" };
  const ended = { jobs: [job("a", JobStatus.COMPLETED)], removedJobIds: ["z"], watchToken: "t3" };
  const told = watching("t1", standing, ended);
  expect(told("")).toEqual(["b", "", false, true, "t3"]);
  expect(told("t1")).toEqual(["b,a", "z", false, true, "t3"]);
  expect(told("t3")).toEqual(["", "", false, true, "t3"]);
  expect(told("t0")).toEqual(["b", "", true, true, "t3"]);
});

test("a watch that is not caught up gives away no token", () => {
  expect(watching("", { jobs: [job("a")] })("")).toEqual(["a", "", false, false, ""]);
  expect([watching("t1")("t1"), watching("t1")("")]).toEqual(["later", false]);
});

test("readers hear of whatever ends a call, also of a page that cannot give a token", async () => {
  const failing = {
    key: () => "j",
    line: () => line(),
    call: () => {
      throw new TypeError("signed out");
    },
  };
  const ended = new Promise((end) => new Lines(failing, Date.now).join(at("", 0), { put: () => {}, end }, 1_000));
  expect(await ended).toMatchObject({ reason: "UNREACHABLE", message: "TypeError: signed out" });
});
