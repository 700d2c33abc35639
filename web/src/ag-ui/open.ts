/** What is open in an AG-UI run: each message, call and step is started once, grows, and is ended once. */

import type { Metadata } from "@ag-ui/core";

import { type ContentPart, type RunStep, RunStepSchema, RunStepStatus } from "../gen/streamsvc/v1/content_pb.js";
import { textOf } from "../parts.js";
import type { Told } from "./events.js";
import {
  callId,
  encrypted,
  isAnswered,
  isWritten,
  json,
  messageId,
  metadataOf,
  ours,
  resultId,
  resultMetadata,
  resultOf,
} from "./messages.js";

const FINAL = [RunStepStatus.SUCCEEDED, RunStepStatus.FAILED, RunStepStatus.CANCELLED];

/** Whether a part is a message that is opened, grows, and ends. */
export function isOpened({ kind }: ContentPart): boolean {
  return kind.case === "text" || kind.case === "reasoning" || kind.case === "toolCall";
}

/** The messages and calls that are open, by part. What is told goes into `told`. */
export class OpenParts {
  job = "";
  readonly #open = new Map<number, { kind: ContentPart["kind"]["case"]; id: string }>();
  readonly #answered = new Set<number>();

  constructor(private readonly told: Told) {}

  /** Tells of a new part, with all that it holds. */
  started(part: ContentPart): void {
    this.#start(part);
    const text = textOf(part);
    if (text) this.#grow(part, text);
    this.settle(part);
    if (part.upstreamJson) this.sealed(part);
  }

  /** Goes on with a part that the client knows from a snapshot. */
  known(part: ContentPart): void {
    if (isAnswered(part)) this.#answered.add(part.index);
    else this.#answered.delete(part.index);
    if (!isWritten(part) && isOpened(part)) this.#start(part);
  }

  /** Appends to a part. One that has ended already is opened for that. */
  grow(part: ContentPart, text: string, metadata?: Metadata): void {
    if (!this.#open.has(part.index)) this.#start(part);
    this.#grow(part, text, metadata);
    this.settle(part);
  }

  /** Ends a part if it is complete, and tells of a call's result. Returns whether there was something to tell. */
  settle(part: ContentPart): boolean {
    const before = this.told.length;
    if (isWritten(part)) this.end(part.index, part);
    if (part.kind.case === "toolCall" && isAnswered(part) && !this.#answered.has(part.index)) {
      this.#answered.add(part.index);
      const call = part.kind.value;
      this.told.say("TOOL_CALL_RESULT", {
        messageId: resultId(this.job, part),
        toolCallId: callId(this.job, part) ?? "",
        content: resultOf(call),
        metadata: resultMetadata(call),
      });
    }
    return this.told.length > before;
  }

  /** Tells what the upstream needs back with a part. */
  sealed(part: ContentPart): void {
    const call = callId(this.job, part);
    this.told.say("REASONING_ENCRYPTED_VALUE", {
      subtype: call ? "tool-call" : "message",
      entityId: call ?? messageId(this.job, part),
      encryptedValue: encrypted(part) ?? "",
    });
  }

  /** Ends a part if it is open; `part` is what it has become. */
  end(index: number, part?: ContentPart): void {
    const opened = this.#open.get(index);
    if (!opened) return;
    this.#open.delete(index);
    const { kind, id } = opened;
    const metadata = part && metadataOf(part);
    if (kind === "toolCall") {
      this.told.say("TOOL_CALL_END", { toolCallId: id, metadata });
    } else if (kind === "text") {
      this.told.say("TEXT_MESSAGE_END", { messageId: id, metadata });
    } else {
      this.told.say("REASONING_MESSAGE_END", { messageId: id, metadata });
      this.told.say("REASONING_END", { messageId: id });
    }
  }

  /** Ends all that is open, and forgets what has ended. */
  close(): void {
    for (const index of [...this.#open.keys()]) this.end(index);
    this.#answered.clear();
  }

  #start(part: ContentPart): void {
    const message = messageId(this.job, part);
    const metadata = metadataOf(part);
    const { kind } = part;
    const id = callId(this.job, part) ?? message;
    if (kind.case === "toolCall") {
      // Calls should have ids of their own; where two share one, only one can be open.
      for (const [index, opened] of [...this.#open]) if (opened.kind === kind.case && opened.id === id) this.end(index);
      const { name } = kind.value;
      this.told.say("TOOL_CALL_START", { toolCallId: id, toolCallName: name, parentMessageId: message, metadata });
    } else if (kind.case === "text") {
      this.told.say("TEXT_MESSAGE_START", { messageId: id, role: "assistant", metadata });
    } else {
      this.told.say("REASONING_START", { messageId: id });
      this.told.say("REASONING_MESSAGE_START", { messageId: id, role: "reasoning", metadata });
    }
    this.#open.set(part.index, { kind: kind.case, id });
  }

  #grow(part: ContentPart, text: string, metadata?: Metadata): void {
    const { kind, id } = this.#open.get(part.index) ?? { kind: undefined, id: "" };
    if (kind === "toolCall") this.told.say("TOOL_CALL_ARGS", { toolCallId: id, delta: text });
    else if (kind === "text") this.told.say("TEXT_MESSAGE_CONTENT", { messageId: id, delta: text, metadata });
    else this.told.say("REASONING_MESSAGE_CONTENT", { messageId: id, delta: text });
  }
}

/** The steps that are open, each under a name that no other open step has. What is told goes into `told`. */
export class OpenSteps {
  readonly #names = new Map<string, string>();

  constructor(private readonly told: Told) {}

  /** Begins a step that runs, unless it has begun. */
  begin(step: RunStep): void {
    if (this.#names.has(step.id) || FINAL.includes(step.status)) return;
    const name = step.title || step.agentName || step.type || step.id;
    const stepName = [...this.#names.values()].includes(name) ? `${name} (${step.id})` : name;
    this.#names.set(step.id, stepName);
    this.told.say("STEP_STARTED", { stepName, metadata: ours(json(RunStepSchema, step)) });
  }

  /** Begins or ends a step that has changed. Returns whether that tells of the change. */
  changed(step: RunStep): boolean {
    const open = this.#names.has(step.id);
    if (open && FINAL.includes(step.status)) this.end(step.id, ours(json(RunStepSchema, step)));
    else if (!open && step.status === RunStepStatus.RUNNING) this.begin(step);
    else return false;
    return true;
  }

  /** Ends a step if it is open. */
  end(id: string, metadata?: Metadata): void {
    const stepName = this.#names.get(id);
    if (stepName === undefined) return;
    this.#names.delete(id);
    this.told.say("STEP_FINISHED", { stepName, metadata });
  }

  /** Ends all steps. */
  close(): void {
    for (const id of [...this.#names.keys()]) this.end(id);
  }
}
