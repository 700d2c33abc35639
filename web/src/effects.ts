/** What each kind of event does to a state, its offset and times aside. */

import { create, isFieldSet } from "@bufbuild/protobuf";

import type { Draft } from "./draft.js";
import {
  CitationSchema,
  type ContentPart,
  ContentPartSchema,
  InputRequestSchema,
  type RunStep,
  RunStepSchema,
  UsageEntrySchema,
} from "./gen/streamsvc/v1/content_pb.js";
import type { Event } from "./gen/streamsvc/v1/event_pb.js";
import { JobErrorSchema, JobStatus } from "./gen/streamsvc/v1/job_pb.js";
import { GrowingPart } from "./parts.js";
import { unknowns } from "./unknowns.js";
import { total } from "./usage.js";

/** How many errors a state keeps: the newest. */
const MAX_ERRORS = 100;

type Payload = Exclude<Event["payload"], { case: undefined }>;
type Effects = { readonly [P in Payload as P["case"]]: (draft: Draft, payload: P["value"]) => void };

/** An effect a kind. One that does not fit does nothing. */
export const EFFECTS: Effects = {
  // The draft has taken it over already.
  jobCreated() {},
  jobStarted({ job }, { producer, model }) {
    Object.assign(job, { status: JobStatus.RUNNING, attempt: 1 });
    if (producer) job.producer = producer;
    if (model) job.model = model;
  },
  jobResumed(draft, { attempt, restarted }) {
    Object.assign(draft.job, { status: JobStatus.RUNNING, attempt });
    if (restarted) draft.restart();
  },
  jobCompleted(draft, { finishReason }) {
    draft.job.finishReason = finishReason;
    draft.end(JobStatus.COMPLETED);
  },
  jobFailed(draft, { error }) {
    draft.job.error = error ?? create(JobErrorSchema);
    draft.end(JobStatus.FAILED);
  },
  jobCancelled(draft) {
    draft.end(JobStatus.CANCELLED);
  },

  partStarted({ parts }, { part = create(ContentPartSchema) }) {
    // The place is what counts, whatever index the event names.
    parts.push(new GrowingPart({ ...part, index: parts.length }));
  },
  textDelta(draft, { partIndex, text }) {
    draft.part(partIndex, "text")?.grow(text);
  },
  reasoningDelta(draft, { partIndex, text }) {
    draft.part(partIndex, "reasoning")?.grow(text);
  },
  toolCallDelta(draft, { partIndex, argumentsJson }) {
    draft.part(partIndex, "toolCall")?.grow(argumentsJson);
  },
  partCompleted({ parts }, { partIndex, upstreamJson }) {
    parts[partIndex]?.change((part) => ({ ...part, completed: true, ...(upstreamJson && { upstreamJson }) }));
  },
  partReplaced({ parts }, { part = create(ContentPartSchema) }) {
    // Kinds that this version does not know cannot be told apart, and count as one.
    if (parts[part.index]?.kind === part.kind.case && part.index < parts.length) {
      parts[part.index] = new GrowingPart(part);
    }
  },
  toolCallUpdated(draft, { partIndex, status, results }) {
    const change = { ...(status && { status }), ...(results.length > 0 && { results }) };
    draft.part(partIndex, "toolCall")?.change((part) => withValue(part, change));
  },
  citationAdded(draft, { partIndex, citation = create(CitationSchema) }) {
    draft.part(partIndex, "text")?.change((part) => {
      const citations = part.kind.case === "text" ? part.kind.value.citations : [];
      return withValue(part, { citations: [...citations, citation] });
    });
  },

  runStepCreated(draft, { step = create(RunStepSchema) }) {
    draft.addStep({ ...step, createTime: step.createTime ?? draft.job.updateTime });
  },
  runStepUpdated(draft, { step = create(RunStepSchema) }) {
    draft.changeStep(step.id, (old) => ({ ...old, ...setFields(step), ...unknowns(old, step) }));
  },
  runStepCompleted(draft, { stepId, status, error }) {
    const end = {
      status,
      ...(error && { error }),
      ...(draft.job.updateTime && { completeTime: draft.job.updateTime }),
    };
    draft.changeStep(stepId, (step) => ({ ...step, ...end }));
  },

  usageUpdated({ rest }, { entry = create(UsageEntrySchema) }) {
    const { stepId, model, attempt } = entry;
    const same = (old: typeof entry) => old.stepId === stepId && old.model === model && old.attempt === attempt;
    rest.usageEntries = upserted(rest.usageEntries, entry, same);
    rest.usage = total(rest.usageEntries);
  },
  metadataUpdated({ job }, { metadata }) {
    // A map: an object would take a key such as __proto__ for something else.
    const all = new Map([...Object.entries(job.metadata), ...Object.entries(metadata)]);
    job.metadata = Object.fromEntries([...all].filter(([, value]) => value));
  },
  errorReported({ rest }, { error = create(JobErrorSchema) }) {
    rest.errors = [...rest.errors, error].slice(-MAX_ERRORS);
  },
  inputRequested({ rest }, { inputRequest = create(InputRequestSchema) }) {
    rest.inputRequests = [...rest.inputRequests, inputRequest];
  },
  custom({ rest }, custom) {
    if (!custom.key) return;
    const same = ({ name, key }: typeof custom) => name === custom.name && key === custom.key;
    if (custom.json) rest.custom = upserted(rest.custom, custom, same);
    else rest.custom = rest.custom.filter((old) => !same(old));
  },
};

/** A copy of `part` in which some fields of its kind are changed. */
function withValue(part: ContentPart, change: object): ContentPart {
  return { ...part, kind: { ...part.kind, value: { ...part.kind.value, ...change } } as ContentPart["kind"] };
}

/** The list with `item` in the place of the one that is the `same`, or else at its end. */
function upserted<T>(list: readonly T[], item: T, same: (old: T) => boolean): T[] {
  const place = list.findIndex(same);
  return place < 0 ? [...list, item] : list.map((old, i) => (i === place ? item : old));
}

function setFields(step: RunStep): Partial<RunStep> {
  const names = RunStepSchema.fields.filter((field) => isFieldSet(step, field)).map(({ localName }) => localName);
  return Object.fromEntries(names.map((name) => [name, step[name as keyof RunStep]]));
}
