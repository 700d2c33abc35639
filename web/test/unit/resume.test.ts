/** A stream whose calls break: each event once, in order, to the final one. */

import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";

import { CatchUpMode } from "../../src/gen/streamsvc/v1/job_service_pb.js";
import { final, head, log, part, piece, readAll, said, short, state, text } from "../support/events.js";
import { CUT, clientOf, error, fails, type Message, type Script, says, scripted } from "../support/scripted.js";

const LENGTH = 12;
const OFFSETS = Array.from({ length: LENGTH }, (_, i) => i + 1);
const ANSWER = OFFSETS.slice(1, -1)
  .map((offset) => `${offset} `)
  .join("");

/** What a service with the whole log would say, `size` events a message. */
function replies(after: number, size: number): Message[] {
  const rest = log(LENGTH).slice(after);
  const messages: Message[] = [head(LENGTH)];
  for (let i = 0; i < rest.length; i += size) messages.push({ events: rest.slice(i, i + size) });
  return messages;
}

test.each([1, 2, 5, LENGTH])("cut at every event, %i events a message", async (size) => {
  for (const cut of OFFSETS) {
    const whole: Script = (request, signal) => says(...replies(request.afterOffset, size))(request, signal);
    const first = fails(CUT, ...replies(0, size).slice(0, cut));
    const { transport, calls } = scripted(first, whole);
    const stream = clientOf(transport).stream("j", { fold: true });
    expect(await readAll(stream)).toEqual(OFFSETS);
    expect(said(stream)).toBe(ANSWER);
    expect([stream.cursor, stream.status]).toEqual([{ epoch: "e1", offset: LENGTH }, "ended"]);
    expect(calls.requests.length).toBe(cut > Math.ceil(LENGTH / size) ? 1 : 2);
  }
});

test("cut after each single event, all along", async () => {
  const one: Script = (request, signal) => fails(CUT, ...replies(request.afterOffset, 1).slice(0, 2))(request, signal);
  const { transport, calls } = scripted(...OFFSETS.map(() => one));
  const stream = clientOf(transport).stream("j");
  expect(await readAll(stream)).toEqual(OFFSETS);
  expect(calls.asked).toEqual(OFFSETS.map((offset) => [offset > 1 ? "e1" : "", offset - 1, CatchUpMode.REPLAY]));
  expect(stream.reconnects).toBe(LENGTH - 1);
});

test("OK before the final event is a failure", async () => {
  const { transport, calls } = scripted(
    says({ epoch: "e1", lastOffset: 9 }, { events: [part(1), text(2)] }),
    says(head(3), { events: [final(3)] }),
  );
  expect(await readAll(clientOf(transport).stream("j"))).toEqual([1, 2, 3]);
  expect(calls.connections.length).toBe(2);
});

test("what one call was told does not hold in the next", async () => {
  // The first one says that 2 is the final event, but the log has lost that since.
  const { transport, calls } = scripted(
    fails(CUT, head(2), { events: [part(1)] }),
    says({ epoch: "e1" }, { events: [text(2)] }),
    says(head(3), { events: [final(3)] }),
  );
  expect(await readAll(clientOf(transport).stream("j"))).toEqual([1, 2, 3]);
  expect(calls.requests.length).toBe(3);
});

test("a call that breaks after the final event is over all the same", async () => {
  const { transport, calls } = scripted(fails(CUT, head(2), { events: [part(1), final(2)] }));
  expect(await readAll(clientOf(transport).stream("j"))).toEqual([1, 2]);
  expect(calls.requests.length).toBe(1);
});

test("events that the reader has are skipped; a gap breaks the call, and nothing behind it is handed out", async () => {
  const { transport, calls } = scripted(
    says(head(5), { events: [part(1), text(2)] }, { events: [text(2), text(3)] }, { events: [final(5)] }),
    says(head(5), { events: [text(4), final(5)] }),
  );
  expect(await readAll(clientOf(transport).stream("j"))).toEqual([1, 2, 3, 4, 5]);
  expect(calls.asked[1]).toEqual(["e1", 3, CatchUpMode.REPLAY]);
});

test("a new epoch is taken over, and the next call names it", async () => {
  const { transport, calls } = scripted(
    fails(CUT, { epoch: "e1", lastOffset: 2 }, { events: [part(1)] }, { events: [text(2)], epoch: "e2" }),
    says(head(3, "e2"), { events: [final(3)] }),
  );
  const stream = clientOf(transport).stream("j");
  expect(await readAll(stream)).toEqual([1, 2, 3]);
  expect(calls.asked[1]).toEqual(["e2", 2, CatchUpMode.REPLAY]);
});

test("a snapshot in the middle replaces everything", async () => {
  const { transport } = scripted(
    says(
      { epoch: "e1", lastOffset: 3 },
      { events: [part(1), text(2, "lost"), text(3, "lost")] },
      { snapshot: state(2, "kept "), epoch: "e2" },
      { events: [text(3, "and on"), final(4)], lastOffset: 4, closed: true },
    ),
  );
  const stream = clientOf(transport).stream("j", { fold: true });
  expect(await readAll(stream)).toEqual([1, 2, 3, { snapshot: 2 }, 3, 4]);
  expect([said(stream), stream.state.job?.epoch, stream.cursor.epoch]).toEqual(["kept and on", "e2", "e2"]);
});

test("a snapshot in slices is whole or not there", async () => {
  const rest: Message = { snapshot: piece("two"), snapshotContinues: true };
  const last: Message = { snapshot: piece("three"), ...head(6, "e2") };
  const first: Message = { snapshot: state(5, "one"), snapshotContinues: true };
  const slices = [first, rest, {}, last];
  for (let cut = 0; cut < slices.length; cut++) {
    const { transport, calls } = scripted(
      fails(CUT, { epoch: "e1", lastOffset: 3 }, { events: [part(1), text(2)] }),
      fails(CUT, { lastOffset: 6 }, ...slices.slice(0, cut)),
      says({ lastOffset: 6 }, ...slices, { events: [final(6)] }),
    );
    const stream = clientOf(transport).stream("j", { fold: true });
    expect(await readAll(stream)).toEqual([1, 2, { snapshot: 5 }, 6]);
    expect(said(stream)).toBe("onetwothree");
    // Until it is whole the cursor stays where it was.
    expect(calls.asked[2]).toEqual(["e1", 2, CatchUpMode.REPLAY]);
  }
});

test("a snapshot that was asked for is asked for again until it is whole, and then no more", async () => {
  const { SNAPSHOT, REPLAY } = CatchUpMode;
  const { transport, calls } = scripted(
    fails(CUT, { lastOffset: 3 }, { snapshot: state(2, "a"), snapshotContinues: true }),
    fails(CUT, { lastOffset: 3 }, { snapshot: state(2, "a"), epoch: "e1" }),
    says(head(3), { events: [final(3)] }),
  );
  expect(await readAll(clientOf(transport).stream("j", { catchUp: SNAPSHOT }))).toEqual([{ snapshot: 2 }, 3]);
  expect(calls.asked.map(([, , catchUp]) => catchUp)).toEqual([SNAPSHOT, SNAPSHOT, REPLAY]);
});

test("SKIP begins at the end of what there is", async () => {
  const { SKIP, REPLAY } = CatchUpMode;
  const { transport, calls } = scripted(
    fails(CUT, {}),
    fails(CUT, { epoch: "e1", lastOffset: 7 }),
    says(head(8), { events: [final(8)] }),
  );
  expect(await readAll(clientOf(transport).stream("j", { catchUp: SKIP }))).toEqual([8]);
  expect(calls.asked).toEqual([
    ["", 0, SKIP],
    ["", 0, SKIP],
    ["e1", 7, REPLAY],
  ]);
});

test("the cursor is that of what was handed out; an iteration that was left goes on there", async () => {
  const { transport, calls } = scripted(
    says(head(4), { events: [part(1), text(2), text(3), final(4)] }),
    says(head(4), { events: [text(3), final(4)] }),
  );
  const stream = clientOf(transport).stream("j", { fold: true });
  for await (const item of stream) if (short(item) === 2) break;
  expect([stream.cursor, stream.state.offset, said(stream)]).toEqual([{ epoch: "e1", offset: 2 }, 2, "2 "]);
  expect(await readAll(stream)).toEqual([3, 4]);
  expect(calls.asked[1]).toEqual(["e1", 2, CatchUpMode.REPLAY]);
  expect(calls.open.size).toBe(0);
});

test("another page goes on from a kept state", async () => {
  const { transport, calls } = scripted(
    says({ epoch: "e1", lastOffset: 4 }, { snapshot: state(2, "kept "), epoch: "e1" }, { events: [text(3)] }),
    says(head(4), { events: [final(4)] }),
  );
  const client = clientOf(transport);
  const before = client.stream("j", { fold: true });
  for await (const item of before) if (short(item) === 3) break;
  const after = client.resume(before.state);
  expect(await readAll(after)).toEqual([4]);
  expect(said(after)).toBe("kept 3 ");
  expect(calls.asked[1]).toEqual(["e1", 3, CatchUpMode.REPLAY]);
});

test("a job that is not there ends the stream with its reason", async () => {
  const { transport, calls } = scripted(fails(error(Code.NotFound, "JOB_NOT_FOUND")));
  const reading = readAll(clientOf(transport).stream("j"));
  await expect(reading).rejects.toMatchObject({
    reason: "JOB_NOT_FOUND",
    code: Code.NotFound,
    metadata: { job_id: "j" },
  });
  expect(calls.requests.length).toBe(1);
});
