/** A job's events as an AG-UI run: what AG-UI cannot undo step by step is told by a snapshot of the messages. */

import type { Message } from "@ag-ui/core";
import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";

import { Fold } from "../fold.js";
import { type ContentPart, RunStepSchema } from "../gen/streamsvc/v1/content_pb.js";
import {
  type CustomEvent,
  CustomEventSchema,
  ErrorReportedSchema,
  type Event,
  MetadataUpdatedSchema,
  RunStepCompletedSchema,
  type RunStepUpdated,
  RunStepUpdatedSchema,
  ToolCallUpdatedSchema,
} from "../gen/streamsvc/v1/event_pb.js";
import { JobSchema, JobStatus } from "../gen/streamsvc/v1/job_pb.js";
import type { JobState } from "../gen/streamsvc/v1/state_pb.js";
import { type Item, isSnapshot } from "../stream.js";
import { tellEnd } from "./ends.js";
import { type AgUiEvent, Told } from "./events.js";
import * as as from "./messages.js";
import { isOpened, OpenParts, OpenSteps } from "./open.js";

/** Name and key of the custom event that keeps the state of an AG-UI agent. */
const STATE = "ag_ui.state";

const ENDED = [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED];

/** Activities of earlier answers are in no snapshot: a client does not send them along. */
const OWNS_NO_ACTIVITIES = { "@ag-ui/client": { authoritativeActivityTypes: [] } };

/** The run that an AG-UI client has asked for: its ids, and the conversation before the answer. */
export interface Run {
  readonly threadId: string;
  readonly runId: string;
  readonly messages: readonly Message[];
}

/**
 * Tells of one job: `of` takes its items in order, and returns what each is in AG-UI.
 *
 * A snapshot stands for the whole conversation: a client forgets what is not in it. Without a `run` it begins with what
 * the job was asked.
 */
export class Telling {
  #fold = new Fold();
  #ids = { threadId: "", runId: "" };
  #begun = false;
  /** Each part as it was before the deltas that came since it was last looked at. */
  #known: readonly ContentPart[] = [];
  readonly #told = new Told();
  readonly #parts = new OpenParts(this.#told);
  readonly #steps = new OpenSteps(this.#told);

  constructor(private readonly run?: Run) {}

  /** The events that tell of an item, which follows the last one. */
  of(item: Item): AgUiEvent[] {
    if (isSnapshot(item)) this.#anew(new Fold(item));
    else this.#event(item);
    return this.#told.take();
  }

  #event(event: Event): void {
    const { payload } = event;
    if (!this.#begun || (payload.case === "jobResumed" && payload.value.restarted)) {
      const fold = new Fold(this.#fold.state);
      fold.apply(event);
      this.#anew(fold);
      return;
    }
    this.#fold.apply(event);
    const { case: kind, value } = payload;
    if (kind === "textDelta") this.#delta("text", value.partIndex, value.text);
    else if (kind === "reasoningDelta") this.#delta("reasoning", value.partIndex, value.text);
    else if (kind === "toolCallDelta") this.#delta("toolCall", value.partIndex, value.argumentsJson);
    else this.#rare(payload, this.#fold.state);
  }

  #delta(kind: ContentPart["kind"]["case"], index: number, text: string): void {
    const part = this.#known[index];
    if (part?.kind.case === kind && part) this.#parts.grow(part, text);
  }

  #rare(payload: Event["payload"], state: JobState): void {
    this.#known = state.parts;
    const { case: kind, value } = payload;
    if (kind === "partStarted") this.#started(state.parts.at(-1));
    else if (kind === "partCompleted") this.#completed(state.parts[value.partIndex], value.upstreamJson);
    else if (kind === "partReplaced") this.#replaced(state.parts[value.part?.index ?? 0], value.part);
    else if (kind === "toolCallUpdated") this.#called(state, value);
    else if (kind === "citationAdded") this.#cited(state.parts[value.partIndex]);
    else if (kind === "runStepCreated") this.#steps.begin(value.step ?? create(RunStepSchema));
    else if (kind === "runStepUpdated") this.#stepChanged(value);
    else if (kind === "runStepCompleted")
      this.#steps.end(value.stepId, as.ours(as.json(RunStepCompletedSchema, value)));
    else if (kind === "metadataUpdated") this.#custom("metadata_updated", MetadataUpdatedSchema, value);
    else if (kind === "errorReported") this.#custom("error_reported", ErrorReportedSchema, value);
    else if (kind === "custom") this.#producers(value);
    else if (kind === "jobCompleted" || kind === "jobFailed" || kind === "jobCancelled") this.#end(state);
  }

  /** Tells of everything as it stands, and takes back what stands no more. */
  #anew(fold: Fold): void {
    const before = this.#fold.state;
    const now = fold.state;
    this.#parts.close();
    this.#steps.close();
    this.#fold = fold;
    this.#known = now.parts;
    this.#parts.job = as.jobId(now);
    const begins = !this.#begun;
    this.#begun = true;
    if (begins) this.#begin(now);
    this.#snapshot(now, begins);
    this.#takeBack(before, now);
    this.#rest(now);
    for (const step of now.steps) this.#steps.begin(step);
    for (const part of now.parts) this.#parts.known(part);
    if (ENDED.includes(now.job?.status ?? JobStatus.UNSPECIFIED)) this.#end(now);
  }

  #begin({ job = create(JobSchema) }: JobState): void {
    const { threadId, runId } = this.run ?? {};
    this.#ids = { threadId: threadId || job.conversationId || job.id, runId: runId || job.id };
    const parentRunId = job.previousJobId || undefined;
    this.#told.say("RUN_STARTED", { ...this.#ids, protocolVersion: "1.0", parentRunId });
  }

  #snapshot(state: JobState, begins = false): void {
    const messages = as.messagesOf(state, this.run?.messages ?? as.askedOf(state));
    if (messages.length > 0 || !begins) this.#told.say("MESSAGES_SNAPSHOT", { messages, metadata: OWNS_NO_ACTIVITIES });
  }

  /** Empties activities and kept custom events that are no more: a snapshot does not take them away. */
  #takeBack(before: JobState, now: JobState): void {
    const job = as.jobId(now);
    const stand = new Set(now.parts.map((part) => as.messageId(job, part)));
    for (const part of before.parts) {
      if (isActivity(part) && !stand.has(as.messageId(job, part))) this.#activity(part, {});
    }
    for (const { name, key } of before.custom) {
      const kept = now.custom.some((custom) => custom.name === name && custom.key === key);
      if (!kept) this.#producers(create(CustomEventSchema, { name, key }));
    }
  }

  /** Tells of what is not in the messages. */
  #rest({ job, errors, custom }: JobState): void {
    const metadata = job?.metadata ?? {};
    if (Object.keys(metadata).length > 0) {
      this.#custom("metadata_updated", MetadataUpdatedSchema, create(MetadataUpdatedSchema, { metadata }));
    }
    for (const error of errors) {
      this.#custom("error_reported", ErrorReportedSchema, create(ErrorReportedSchema, { error }));
    }
    for (const kept of custom) this.#producers(kept);
  }

  #started(part: ContentPart | undefined): void {
    if (!part) return;
    if (isActivity(part)) this.#activity(part);
    else if (isOpened(part)) this.#parts.started(part);
  }

  #completed(part: ContentPart | undefined, upstreamJson: string): void {
    if (!part) return;
    this.#parts.settle(part);
    if (upstreamJson && isOpened(part)) this.#parts.sealed(part);
  }

  #replaced(part: ContentPart | undefined, by: ContentPart | undefined): void {
    if (!part || part.kind.case !== by?.kind.case) return;
    if (isActivity(part)) {
      this.#activity(part);
    } else {
      this.#parts.end(part.index);
      this.#snapshot(this.#fold.state);
      this.#parts.known(part);
    }
  }

  #cited(part: ContentPart | undefined): void {
    if (part?.kind.case === "text") this.#parts.grow(part, "", as.metadataOf(part));
  }

  #stepChanged(updated: RunStepUpdated): void {
    if (updated.step && !this.#steps.changed(updated.step)) {
      this.#custom("run_step_updated", RunStepUpdatedSchema, updated);
    }
  }

  #called(state: JobState, updated: MessageShape<typeof ToolCallUpdatedSchema>): void {
    const part = state.parts[updated.partIndex];
    if (part?.kind.case !== "toolCall" || this.#parts.settle(part)) return;
    if (as.isAnswered(part)) this.#snapshot(state);
    else
      this.#custom("tool_call_updated", ToolCallUpdatedSchema, updated, {
        toolCallId: as.callId(this.#parts.job, part),
      });
  }

  #producers({ name, key, json }: CustomEvent): void {
    const value = as.jsonOf(json) ?? null;
    if (name === STATE) this.#told.say("STATE_SNAPSHOT", { snapshot: value ?? {} });
    else this.#told.say("CUSTOM", { name, value, metadata: key ? as.ours({ key }) : undefined });
  }

  /** Tells of what AG-UI has no event for. */
  #custom<Desc extends DescMessage>(kind: string, schema: Desc, payload: MessageShape<Desc>, more = {}): void {
    this.#told.say("CUSTOM", { name: `${as.OURS}.${kind}`, value: { ...as.json(schema, payload), ...more } });
  }

  #activity(part: ContentPart, content?: Record<string, unknown>): void {
    const is = as.activityOf(part);
    const messageId = as.messageId(this.#parts.job, part);
    this.#told.say("ACTIVITY_SNAPSHOT", {
      messageId,
      ...is,
      content: content ?? is.content,
      metadata: as.metadataOf(part),
    });
  }

  #end(state: JobState): void {
    this.#parts.close();
    this.#steps.close();
    tellEnd(this.#told, state, this.#ids);
  }
}

function isActivity({ kind }: ContentPart): boolean {
  return kind.case === "data" || kind.case === "file";
}
