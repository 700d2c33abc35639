/** A job as an AG-UI run: the golden cases, which Python shares, judged by AG-UI's own client. */

import { readdirSync, readFileSync } from "node:fs";

import { AbstractAgent, transformChunks, verifyEvents } from "@ag-ui/client";
import type { BaseEvent, Message } from "@ag-ui/core";
import { EventSchemas } from "@ag-ui/core/schemas";
import { fromBinary, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { from, lastValueFrom, type Observable, toArray } from "rxjs";
import { describe, expect, test } from "vitest";

import { type AgUiEvent, type Run, toAgUi } from "../../src/ag-ui/index.js";
import { askedOf, messagesOf } from "../../src/ag-ui/messages.js";
import { Fold } from "../../src/fold.js";
import { type Event, EventSchema } from "../../src/gen/streamsvc/v1/event_pb.js";
import { StreamJobResponseSchema } from "../../src/gen/streamsvc/v1/job_service_pb.js";
import { JobStateSchema } from "../../src/gen/streamsvc/v1/state_pb.js";
import { type Item, isSnapshot } from "../../src/stream.js";
import { bytes, story } from "../support/golden.js";

interface Case {
  readonly run: Run | null;
  readonly items: readonly { event?: JsonValue; state?: JsonValue }[];
  readonly ag_ui: readonly JsonValue[];
}

const FILES = new URL("../../../tests/golden/ag_ui/", import.meta.url);
const CASES = readdirSync(FILES).map((name): [string, Case] => [
  name,
  JSON.parse(readFileSync(new URL(name, FILES), "utf8")) as Case,
]);

function itemsOf({ items }: Case): Item[] {
  return items.map(({ event, state }) =>
    event === undefined ? fromJson(JobStateSchema, state ?? {}) : fromJson(EventSchema, event),
  );
}

async function* each(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

async function told(items: readonly Item[], run?: Run): Promise<AgUiEvent[]> {
  const events = [];
  for await (const event of toAgUi(each(items), run)) events.push(event);
  return events;
}

/** An AG-UI agent that tells this. */
class Told extends AbstractAgent {
  constructor(
    private readonly events: readonly AgUiEvent[],
    initialMessages: Message[] = [],
  ) {
    super({ initialMessages });
  }

  run(): Observable<BaseEvent> {
    return from(this.events);
  }
}

/** The messages of an AG-UI client that had these before. */
async function shown(events: readonly AgUiEvent[], before: readonly Message[] = []): Promise<Message[]> {
  const agent = new Told(events, [...before]);
  await agent.runAgent().catch((error: unknown) => {
    // A job that fails is an error of the run, told at its end.
    if (String(events.at(-1)?.type) !== "RUN_ERROR") throw error;
  });
  return agent.messages;
}

/** The messages that a client should have in the end. */
function wanted(items: readonly Item[], run?: Run): Message[] {
  let fold = new Fold();
  for (const item of items) {
    if (isSnapshot(item)) fold = new Fold(item);
    else fold.apply(item);
  }
  const messages = messagesOf(fold.state, run?.messages ?? askedOf(fold.state));
  // Said in snapshots only, for what they replace.
  return messages.filter(({ role, content }) => role !== "reasoning" || content !== "");
}

function ids(messages: readonly Message[]): Map<string, Message> {
  return new Map(messages.map((message) => [message.id, message]));
}

describe.each(CASES)("%s", (_name, golden) => {
  const run = golden.run ?? undefined;

  test("is told as the file says", async () => {
    expect(JSON.parse(JSON.stringify(await told(itemsOf(golden), run)))).toEqual(golden.ag_ui);
  });

  test("is what AG-UI takes", async () => {
    for (const event of golden.ag_ui) EventSchemas.parse(event);
    const events = from(golden.ag_ui as unknown as BaseEvent[]).pipe(transformChunks(), verifyEvents(), toArray());
    expect(await lastValueFrom(events)).toHaveLength(golden.ag_ui.length);
  });

  test("leaves an AG-UI client with what the log says", async () => {
    const items = itemsOf(golden);
    const messages = ids(await shown(await told(items, run), run?.messages));
    for (const message of wanted(items, run)) expect(messages.get(message.id)).toEqual(message);
  });
});

const STORY: readonly Event[] = story().frames.map(
  (frame) => fromBinary(StreamJobResponseSchema, bytes(frame)).events[0] as Event,
);

test("a long answer of all kinds is a run that AG-UI takes, from wherever it is followed", async () => {
  for (const start of [0, 4000]) {
    const fold = new Fold();
    for (const event of STORY.slice(0, start)) fold.apply(event);
    const items = start === 0 ? STORY : [fold.state, ...STORY.slice(start)];
    const events = (await told(items)) as unknown as BaseEvent[];
    const verified = from(events).pipe(transformChunks(), verifyEvents(), toArray());
    expect(await lastValueFrom(verified)).toHaveLength(events.length);
  }
});

test("a client that was cut off and follows again has the same messages as the log, wherever it was cut", async () => {
  const events = STORY.slice(0, 160);
  const last = wanted(events);
  for (let cut = 1; cut < events.length; cut += 13) {
    const fold = new Fold();
    for (const event of events.slice(0, cut)) fold.apply(event);
    const before = await shown(ended(await told(events.slice(0, cut))));
    const messages = ids(await shown(ended(await told([fold.state, ...events.slice(cut)])), before));
    for (const message of last) expect(messages.get(message.id)).toEqual(message);
    const texts = [...messages.values()].filter(({ role }) => role === "assistant" || role === "tool");
    expect(texts.map(({ id }) => id)).toEqual(
      last.filter(({ role }) => role === "assistant" || role === "tool").map(({ id }) => id),
    );
  }
});

/** A run that was cut off: an AG-UI client takes it for one that failed. */
function ended(events: readonly AgUiEvent[]): AgUiEvent[] {
  return [...events, { type: "RUN_ERROR", message: "cut" } as AgUiEvent];
}
