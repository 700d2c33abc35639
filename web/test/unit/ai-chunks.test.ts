/** The chunks of a message: the AI SDK makes of them what the fold says, in each of its versions. */

import { create, fromBinary } from "@bufbuild/protobuf";
import type { UIMessage, UIMessageChunk } from "ai";
import { describe, expect, test } from "vitest";

import { Chunks } from "../../src/ai/chunks.js";
import { messageOf } from "../../src/ai/message.js";
import { Fold } from "../../src/fold.js";
import { InputDecision, ToolCallStatus } from "../../src/gen/streamsvc/v1/content_pb.js";
import { type Event, EventSchema } from "../../src/gen/streamsvc/v1/event_pb.js";
import { StreamJobResponseSchema } from "../../src/gen/streamsvc/v1/job_service_pb.js";
import type { JobState } from "../../src/gen/streamsvc/v1/state_pb.js";
import { messageFrom, plain, READERS } from "../support/ai.js";
import { bytes, story } from "../support/golden.js";
import { seeded } from "../support/seeded.js";

const SEED = 7;
const EVENTS = story().frames.flatMap((frame) => fromBinary(StreamJobResponseSchema, bytes(frame)).events);

/** A stretch of a message that chunks can say: what it came to, and the chunks. */
interface Stretch {
  readonly chunks: UIMessageChunk[];
  message: UIMessage;
}

/** Tells of a job in steps of a few events each, beginning anew where something was taken back. */
function told(events: readonly Event[], random: () => number, most: number): Stretch[] {
  const fold = new Fold();
  const stretches: Stretch[] = [];
  let chunks = new Chunks();
  for (let at = 0; at < events.length;) {
    const next = at + 1 + Math.floor(random() * most);
    for (const event of events.slice(at, next)) fold.apply(event);
    at = next;
    const message = messageOf([fold.state]);
    const said = chunks.to(message);
    const last = stretches.at(-1);
    if (said && last) {
      last.chunks.push(...said);
      last.message = message;
    } else {
      chunks = new Chunks();
      const all = chunks.to(message) ?? expect.fail("a message can always be said from its beginning");
      stretches.push({ chunks: [{ type: "start", messageId: message.id }, ...all], message });
    }
  }
  return stretches;
}

describe.each(READERS)("ai %s", (version, read) => {
  test.each([
    [1, 400],
    [40, 1_600],
  ])("an answer of all kinds, told at most %i events at a time", async (most, length) => {
    const events = EVENTS.slice(0, length);
    const stretches = told(events, seeded(SEED), most);
    expect(stretches.length).toBeLessThan(events.length / 2);
    for (const { chunks, message } of stretches) {
      expect(plain(await messageFrom(read, chunks), version)).toEqual(plain(message, version));
    }
  });

  test("who cannot take back a part gets all of it below", async () => {
    const { chunks, states } = conversation([
      { case: "partStarted", value: { part: { kind: { case: "text", value: { text: "Half a" } } } } },
      { case: "jobResumed", value: { attempt: 2, restarted: true } },
      { case: "partStarted", value: { part: { kind: { case: "text", value: { text: "All." } }, completed: true } } },
    ]);
    const said = [{ type: "start" } as const, ...(chunks.to(states[1] as UIMessage) ?? [])];
    expect(chunks.to(states[2] as UIMessage)).toBeUndefined();
    said.push(...chunks.again(states[2] as UIMessage), ...(chunks.to(states[3] as UIMessage) ?? []));
    const message = await messageFrom(read, said);
    expect(message?.parts.map((part) => ("text" in part ? part.text : part.type))).toEqual([
      ...["step-start", "Half a", "step-start", "All."],
    ]);
  });
});

test.each([InputDecision.APPROVE, InputDecision.REJECT])(
  "a job that carries a message on with an answer (%i) adds to the call that was asked about",
  async (decision) => {
    const call = (status: ToolCallStatus, results: { kind: { case: "text"; value: string } }[] = []): Payload => {
      const value = { callId: "c", name: "send", argumentsJson: "{}", status, results };
      return { case: "partStarted", value: { part: { kind: { case: "toolCall", value }, completed: true } } };
    };
    const inputRequest = { id: "r", partIndex: 0, message: "May it?" };
    const asking = states([call(ToolCallStatus.READY), { case: "inputRequested", value: { inputRequest } }]);
    const answers = [{ inputRequestId: "r", decision }];
    const done =
      decision === InputDecision.APPROVE
        ? call(ToolCallStatus.SUCCEEDED, [{ kind: { case: "text", value: "sent" } }])
        : call(ToolCallStatus.DENIED);
    const goesOn = states([done], answers);
    // What the page of the person who decided shows before it hears more.
    const shown = messageOf([asking.at(-1) as JobState, goesOn[0] as JobState]);
    const local = { ...shown, parts: shown.parts.slice(0, -1) };
    for (const [version, read] of READERS) {
      const chunks = new Chunks(local);
      const said = goesOn.flatMap((state) => chunks.to(messageOf([asking.at(-1) as JobState, state])) ?? expect.fail());
      expect(said.map(({ type }) => type)).not.toContain("tool-input-available");
      const message = messageOf([asking.at(-1) as JobState, goesOn.at(-1) as JobState]);
      expect(plain(await messageFrom(read, said, local), version)).toEqual(plain(message, version));
    }
  },
);

type Payload = NonNullable<Parameters<typeof create<typeof EventSchema>>[1]>["payload"];

/** A job that says these, and the message after each. */
function conversation(payloads: readonly Payload[]): { chunks: Chunks; states: UIMessage[] } {
  return { chunks: new Chunks(), states: states(payloads).map((state) => messageOf([state])) };
}

/** A job that begins with `answers` and says these: its state after each. */
function states(payloads: readonly Payload[], answers: { inputRequestId: string; decision: InputDecision }[] = []) {
  const fold = new Fold();
  const begin: Payload = { case: "jobCreated", value: { job: { id: "j" }, answers } };
  return [begin, ...payloads].map((payload, i) => {
    fold.apply(create(EventSchema, { offset: i + 1, ...(payload && { payload }) }));
    return fold.state;
  });
}
