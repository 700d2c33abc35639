// The fold: a job's state, made of its events.
// @ts-check

/** Kinds of parts whose text grows, and the field that it grows in. @type {Record<string, string>} */
export const TEXT_OF = { text: 'text', reasoning: 'text', toolCall: 'argumentsJson' };

const RUNNING = 2;
const COMPLETED = 3;
const FAILED = 4;
const CANCELLED = 5;
const MOST_ERRORS = 100;
const COUNTS = ['inputTokens', 'outputTokens', 'reasoningTokens', 'cachedInputTokens', 'cacheWriteInputTokens'];

const NOTHING = {
  ...{ job: null, offset: 0, input: [], parts: [], steps: [], usage: null, usageEntries: [] },
  ...{ custom: [], errors: [], inputRequests: [], answers: [] },
};

/** @param {number} sum of two 32-bit numbers; it stays at the limit */
const int32 = (sum) => Math.min(2 ** 31 - 1, Math.max(-(2 ** 31), sum));

/** A copy that the fold may write into: what it was given belongs to the caller. @param {any} part */
function own(part) {
  if (!part.kind) return { ...part };
  const body = { ...part[part.kind] };
  if (body.citations) body.citations = [...body.citations];
  return { ...part, [part.kind]: body };
}

/** @param {any} a @param {any} b both google.protobuf.Timestamp or Duration; nothing counts as zero */
function plus(a, b) {
  const nanos = (a?.nanos ?? 0) + (b?.nanos ?? 0);
  const carry = Math.floor(nanos / 1e9);
  return { seconds: (a?.seconds ?? 0) + (b?.seconds ?? 0) + carry, nanos: nanos - carry * 1e9 };
}

/** @param {any[]} entries */
function total(entries) {
  /** @type {any} */
  const sum = Object.fromEntries(COUNTS.map((count) => [count, 0]));
  /** @type {Map<string, number>} */
  const details = new Map();
  for (const { usage } of entries) {
    // One after the other: where a sum meets the limit depends on the order.
    for (const count of COUNTS) sum[count] = int32(sum[count] + (usage?.[count] ?? 0));
    for (const [name, count] of Object.entries(usage?.details ?? {})) {
      details.set(name, int32((details.get(name) ?? 0) + count));
    }
  }
  return { ...sum, details: Object.fromEntries(details) };
}

/** The job's state so far. `apply` each event in order; `state()` is what GetJobState would say there. */
export class Fold {
  /** @type {any} Everything but the text that has come since `state()` was last asked for. */
  #state;
  /** @type {Map<number, string[]>} That text, by part, not joined yet: joining for each delta would be quadratic. */
  #grown = new Map();
  /** @type {Map<string, number>} Where each step is; of several with one id the first. */
  #places = new Map();

  /** @param {any} [state] a JobState to go on from, such as a snapshot */
  constructor(state = NOTHING) {
    this.#state = { ...NOTHING, ...state, parts: (state.parts ?? []).map(own), steps: [] };
    for (const step of state.steps ?? []) this.addStep(step);
  }

  get offset() {
    return this.#state.offset;
  }

  /** Everything so far. It does not change any more when the fold goes on. @returns {any} */
  state() {
    for (const index of this.#grown.keys()) this.#join(index);
    return { ...this.#state, parts: this.#state.parts.map(own), steps: [...this.#state.steps] };
  }

  /** The text of the answer so far, without reasoning and tools. */
  text() {
    const texts = this.state().parts.filter((/** @type {any} */ part) => part.kind === 'text');
    return texts.map((/** @type {any} */ part) => part.text.text).join('');
  }

  /** @param {any} event */
  apply(event) {
    const state = this.#state;
    // Before the rest: it brings a job of its own, which does not know its first offset and time yet.
    if (event.payload === 'jobCreated') {
      const { job, input, answers } = event.jobCreated;
      Object.assign(state, { job, input, answers });
    }
    state.offset = event.offset;
    state.job = { ...state.job, lastOffset: event.offset };
    if (event.createTime) state.job.updateTime = event.createTime;
    // A kind of a later version moves the offset only.
    if (Object.hasOwn(effects, event.payload ?? '')) effects[event.payload].call(this, event[event.payload], state);
  }

  /** The part of that index, if it is there and of that kind. @param {number} index @param {string} kind */
  part(index, kind) {
    const part = this.#state.parts[index];
    return part?.kind === kind ? part : undefined;
  }

  /** @param {number} index @param {string} kind @param {string} text */
  grow(index, kind, text) {
    if (!this.part(index, kind)) return;
    const chunks = this.#grown.get(index);
    if (chunks) chunks.push(text);
    else this.#grown.set(index, [text]);
  }

  /** Puts a part into its place; text that grew before is that of the part that was there. @param {any} part */
  put(part) {
    this.#grown.delete(part.index);
    this.#state.parts[part.index] = own(part);
  }

  /** @param {any} step */
  addStep(step) {
    const place = this.#state.steps.push(step) - 1;
    if (!this.#places.has(step.id)) this.#places.set(step.id, place);
  }

  /** Changes the step of that id, if there is one. @param {string} id @param {any} change */
  changeStep(id, change) {
    const place = this.#places.get(id);
    if (place !== undefined) this.#state.steps[place] = { ...this.#state.steps[place], ...change };
  }

  /** Forgets what a restart voids. */
  clear() {
    this.#grown.clear();
    this.#places.clear();
    Object.assign(this.#state, { parts: [], steps: [], custom: [], errors: [], inputRequests: [] });
  }

  /** @param {number} index */
  #join(index) {
    const part = this.#state.parts[index];
    const field = TEXT_OF[part.kind];
    part[part.kind][field] += (this.#grown.get(index) ?? []).join('');
    this.#grown.delete(index);
  }
}

/** @param {any} state @param {number} status */
function end(state, status) {
  const { updateTime, retention } = state.job;
  Object.assign(state.job, { status, completeTime: updateTime, expireTime: plus(updateTime, retention) });
}

/**
 * The list with `item` in the place of the one that is the same, or else at its end.
 * @param {any[]} list @param {any} item @param {(a: any, b: any) => boolean} same
 */
function upsert(list, item, same) {
  const at = list.findIndex((other) => same(other, item));
  return at < 0 ? [...list, item] : [...list.slice(0, at), item, ...list.slice(at + 1)];
}

/** @param {any} a @param {any} b */
const sameEntry = (a, b) => a.stepId === b.stepId && a.model === b.model && a.attempt === b.attempt;
/** @param {any} a @param {any} b */
const sameKey = (a, b) => a.name === b.name && a.key === b.key;

/**
 * What each kind of event does. `state.job` is the fold's own and may be written to.
 * @type {Record<string, (this: Fold, payload: any, state: any) => void>}
 */
const effects = {
  jobStarted({ producer, model }, { job }) {
    Object.assign(job, { status: RUNNING, attempt: 1 });
    if (producer) job.producer = producer;
    if (model) job.model = model;
  },
  jobResumed({ attempt, restarted }, { job }) {
    Object.assign(job, { status: RUNNING, attempt });
    if (restarted) this.clear();
  },
  jobCompleted({ finishReason }, state) {
    end(state, COMPLETED);
    state.job.finishReason = finishReason;
  },
  jobFailed({ error }, state) {
    end(state, FAILED);
    state.job.error = error;
  },
  jobCancelled(_, state) {
    end(state, CANCELLED);
  },

  partStarted({ part }, { parts }) {
    // The place is what counts, whatever index the event names.
    this.put({ ...part, index: parts.length });
  },
  textDelta({ partIndex, text }) {
    this.grow(partIndex, 'text', text);
  },
  reasoningDelta({ partIndex, text }) {
    this.grow(partIndex, 'reasoning', text);
  },
  toolCallDelta({ partIndex, argumentsJson }) {
    this.grow(partIndex, 'toolCall', argumentsJson);
  },
  partCompleted({ partIndex, upstreamJson }, { parts }) {
    const part = parts[partIndex];
    if (!part) return;
    part.completed = true;
    if (upstreamJson) part.upstreamJson = upstreamJson;
  },
  partReplaced({ part }, { parts }) {
    // Two kinds that this version does not know cannot be told apart, and count as one.
    if (part && parts[part.index] && parts[part.index].kind === part.kind) this.put(part);
  },
  toolCallUpdated({ partIndex, status, results }) {
    const call = this.part(partIndex, 'toolCall')?.toolCall;
    if (call && status) call.status = status;
    if (call && results.length) call.results = results;
  },
  citationAdded({ partIndex, citation }) {
    this.part(partIndex, 'text')?.text.citations.push(citation ?? {});
  },

  runStepCreated({ step }, { job }) {
    this.addStep({ id: '', ...step, createTime: step?.createTime ?? job.updateTime });
  },
  runStepUpdated({ step }) {
    if (step) this.changeStep(step.id, Object.fromEntries(Object.entries(step).filter(([, value]) => value)));
  },
  runStepCompleted({ stepId, status, error }, { job }) {
    this.changeStep(stepId, { status, completeTime: job.updateTime, ...(error && { error }) });
  },

  usageUpdated({ entry }, state) {
    state.usageEntries = upsert(state.usageEntries, entry, sameEntry);
    state.usage = total(state.usageEntries);
  },
  metadataUpdated({ metadata }, { job }) {
    const all = new Map(Object.entries({ ...job.metadata, ...metadata }));
    for (const [name, value] of all) if (!value) all.delete(name);
    job.metadata = Object.fromEntries(all);
  },
  errorReported({ error }, state) {
    state.errors = [...state.errors, error ?? {}].slice(-MOST_ERRORS);
  },
  inputRequested({ inputRequest }, state) {
    state.inputRequests = [...state.inputRequests, inputRequest ?? {}];
  },
  custom(event, state) {
    if (!event.key) return;
    if (event.json) state.custom = upsert(state.custom, event, sameKey);
    else state.custom = state.custom.filter((/** @type {any} */ other) => !sameKey(other, event));
  },
};
