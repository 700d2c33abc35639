/** Events and states, in short. */

import type { MessageInitShape } from "@bufbuild/protobuf";

import type { EventSchema } from "../../src/gen/streamsvc/v1/event_pb.js";
import type { JobState, JobStateSchema } from "../../src/gen/streamsvc/v1/state_pb.js";
import { type Item, isSnapshot, type JobStream } from "../../src/stream.js";
import type { Message } from "./scripted.js";

type EventInit = MessageInitShape<typeof EventSchema>;
type StateInit = Exclude<MessageInitShape<typeof JobStateSchema>, JobState>;

/** The event that opens the part that `text` grows. */
export function part(offset: number): EventInit {
  const text = { index: 0, kind: { case: "text", value: { text: "" } } } as const;
  return { offset, payload: { case: "partStarted", value: { part: text } } };
}

export function text(offset: number, said = `${offset} `): EventInit {
  return { offset, payload: { case: "textDelta", value: { text: said } } };
}

export function final(offset: number): EventInit {
  return { offset, payload: { case: "jobCompleted", value: {} } };
}

/** A log of so many events, the last of them final. */
export function log(length: number): EventInit[] {
  const middle = Array.from({ length: length - 2 }, (_, i) => text(i + 2));
  return [part(1), ...middle, final(length)];
}

/** A state at `offset` that says `said`. */
export function state(offset: number, said: string): StateInit {
  return { offset, job: { id: "j", lastOffset: offset }, ...piece(said) };
}

/** A later slice of such a state. */
export function piece(said: string): StateInit {
  return { parts: [{ index: 0, kind: { case: "text", value: { text: said } } }] };
}

/** The first message of a call, to a log that has ended. */
export function head(lastOffset: number, epoch = "e1"): Message {
  return { epoch, lastOffset, closed: true };
}

/** Offsets of events, and { snapshot: offset }. */
export function short(item: Item): number | { snapshot: number } {
  return isSnapshot(item) ? { snapshot: item.offset } : item.offset;
}

/** Reads a stream to its end. */
export async function readAll(stream: JobStream): Promise<ReturnType<typeof short>[]> {
  const items = [];
  for await (const item of stream) items.push(short(item));
  return items;
}

/** The text of the first part of the stream's state. */
export function said(stream: JobStream): string {
  const { value } = stream.state.parts[0]?.kind ?? {};
  return (value as { text: string } | undefined)?.text ?? "";
}
