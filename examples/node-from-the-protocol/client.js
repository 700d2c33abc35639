// The client: starts jobs and follows them to their end, whatever happens to connections.
// @ts-check

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import grpc from '@grpc/grpc-js';

import { CallError, Failures, PATIENCE } from './retry.js';
import { Slices } from './slices.js';
import { duration, JobService } from './wire.js';

const { status } = grpc;

/** How to begin, as the protos number it. */
export const CatchUp = { REPLAY: 1, SNAPSHOT: 2, SKIP: 3 };

/** Final statuses of a job: JobCompleted, JobFailed, JobCancelled. */
const FINAL_STATUSES = [3, 4, 5];
const FINAL_EVENTS = ['jobCompleted', 'jobFailed', 'jobCancelled'];

/** @typedef {{epoch: string, offset: number}} Cursor */
/** @typedef {{event: any} | {snapshot: any}} Item */
/**
 * @typedef {object} Options
 * @property {number} [heartbeatMs] longest silence to ask for
 * @property {number} [silenceMs] silence after which a call is taken for dead: two heartbeats
 * @property {number} [unaryMs] deadline of one attempt of a unary call
 * @property {import('./retry.js').Patience} [patience]
 * @property {grpc.ChannelCredentials} [credentials]
 */

/** Calls one service, by way of one or more targets. Many streams may share a client. */
export class Client {
  /** @type {any} */
  #stub;
  #targets;
  /** Counts connections, so that streams that lose the same one replace it once. */
  #generation = -1;
  /** @type {Required<Options>} */
  options;

  /** @param {string | string[]} targets HOST:PORT @param {Options} [options] */
  constructor(targets, options = {}) {
    this.#targets = [targets].flat();
    const heartbeatMs = options.heartbeatMs ?? 15_000;
    this.options = {
      heartbeatMs,
      silenceMs: 2 * Math.min(60_000, Math.max(1_000, heartbeatMs)),
      unaryMs: 10_000,
      patience: PATIENCE,
      credentials: grpc.credentials.createInsecure(),
      ...options,
    };
    this.another(this.#generation);
  }

  get connection() {
    return { stub: this.#stub, generation: this.#generation };
  }

  /**
   * Takes another connection, to the next target, unless that has happened since.
   * @param {number} generation that of the connection that failed
   */
  another(generation) {
    if (generation !== this.#generation) return;
    this.#generation++;
    this.#stub?.close(); // Calls of others on it go on; they find out for themselves.
    this.#stub = new JobService(this.#targets[this.#generation % this.#targets.length], this.options.credentials, {
      'grpc.max_receive_message_length': 16 << 20,
      // Without this a new channel shares the old one's connection, and would wait on it just as long.
      'grpc.use_local_subchannel_pool': 1,
      // Calling again is this module's work.
      'grpc.enable_retries': 0,
    });
  }

  /**
   * Starts a job. It is safe to be tried again: each request gets an id, unless it has one.
   * @param {any} request a StartGenerationRequest @returns {Promise<any>} the Job
   */
  async start(request) {
    const response = await this.#unary('startGeneration', { requestId: randomUUID(), ...request });
    return response.job;
  }

  /**
   * Follows a job to its final event.
   * @param {string} jobId
   * @param {{cursor?: Cursor, catchUp?: number}} [from]
   */
  stream(jobId, from = {}) {
    return new JobStream(this, jobId, from);
  }

  /** @param {string} jobId @returns {Promise<any>} the JobState */
  async state(jobId) {
    return (await this.#unary('getJobState', { jobId })).state;
  }

  /** @param {string} jobId @param {string} [reason] @returns {Promise<any>} the Job, which may still run */
  async cancel(jobId, reason = '') {
    return (await this.#unary('cancelJob', { jobId, reason })).job;
  }

  close() {
    this.#stub.close();
  }

  /** @param {string} method @param {any} request */
  async #unary(method, request) {
    const failures = new Failures(this.options.patience);
    for (;;) {
      const { stub, generation } = this.connection;
      try {
        return await new Promise((resolve, reject) => {
          const deadline = Date.now() + this.options.unaryMs;
          stub[method](request, { deadline }, (/** @type {any} */ error, /** @type {any} */ response) => {
            if (error) reject(error);
            else resolve(response);
          });
        });
      } catch (error) {
        const wait = failures.next(CallError.of(error));
        this.another(generation);
        await sleep(wait);
      }
    }
  }
}

/**
 * One reader of one job: an async iterable of `{event}`, each once and in order, and `{snapshot}`, which replaces all
 * that came before. `cursor` is that of the last item handed out; it may be kept, together with what was made of the
 * items, and given to `Client.stream` later.
 */
export class JobStream {
  #client;
  #jobId;
  #failures;
  #catchUp;
  /** @type {Cursor} */
  cursor;
  /** How often the stream was called for anew. */
  reconnects = 0;
  /** Events that came although the cursor was at or past them, and messages that left some out: both are put right. */
  repeats = 0;
  gaps = 0;
  /** Whether the last item handed out was the final event, or a snapshot with it. */
  #atFinal = false;

  /** @param {Client} client @param {string} jobId @param {{cursor?: Cursor, catchUp?: number}} from */
  constructor(client, jobId, { cursor = { epoch: '', offset: 0 }, catchUp = CatchUp.REPLAY }) {
    this.#client = client;
    this.#jobId = jobId;
    this.#catchUp = catchUp;
    this.cursor = { ...cursor };
    this.#failures = new Failures(client.options.patience);
  }

  /** @returns {AsyncGenerator<Item, void, void>} */
  async *[Symbol.asyncIterator]() {
    for (;;) {
      const { stub, generation } = this.#client.connection;
      try {
        yield* this.#call(stub);
        return;
      } catch (error) {
        if (this.#atFinal) return; // There is nothing left to call for.
        const wait = this.#failures.next(CallError.of(error));
        this.reconnects++;
        this.#client.another(generation);
        await sleep(wait);
      }
    }
  }

  /** One call. Returns at the final event, throws if another call is needed. @param {any} stub */
  async *#call(stub) {
    const call = stub.streamJob({
      jobId: this.#jobId,
      afterOffset: this.cursor.offset,
      epoch: this.cursor.epoch,
      catchUp: this.#catchUp,
      heartbeatInterval: duration(this.#client.options.heartbeatMs),
    });
    call.on('error', () => {}); // The iterator throws it too; after the iterator is gone nobody else would.
    const ended = new Promise((resolve) => call.once('status', resolve));
    const messages = call[Symbol.asyncIterator]();
    const slices = new Slices();
    // What this call was told: what an earlier one was told need not be so any more.
    const told = { lastOffset: 0, closed: false };
    try {
      for (let heard = 0; ; heard++) {
        const message = await this.#next(call, messages);
        if (!message) break;
        if (heard > 0) this.#failures.alive();
        yield* this.#apply(message, slices, told);
      }
      const { code, details, metadata } = /** @type {any} */ (await ended);
      if (code !== status.OK) throw CallError.of({ code, details, metadata });
      if (!told.closed || this.cursor.offset < told.lastOffset) {
        throw new CallError(status.UNAVAILABLE, 'the call ended before the final event');
      }
    } finally {
      call.cancel(); // Where the caller leaves early, or a gap was seen; else it has ended already.
    }
  }

  /** The next message, or nothing at the end. @param {any} call @param {AsyncIterator<any>} messages */
  async #next(call, messages) {
    // Only while waiting: the time that the caller takes with an item is not the service's silence.
    let silent = false;
    const timer = setTimeout(() => {
      silent = true;
      call.cancel();
    }, this.#client.options.silenceMs);
    try {
      const { value, done } = await messages.next();
      return done ? undefined : value;
    } catch (error) {
      throw silent ? new CallError(status.UNAVAILABLE, 'silence') : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {any} message @param {Slices} slices @param {{lastOffset: number, closed: boolean}} told */
  async *#apply(message, slices, told) {
    if (message.snapshot) {
      slices.add(message.snapshot);
      if (!message.snapshotContinues) {
        const snapshot = slices.take();
        this.#took({ epoch: message.epoch || this.cursor.epoch, offset: snapshot.offset });
        this.#atFinal = FINAL_STATUSES.includes(snapshot.job?.status);
        yield { snapshot };
      }
    }

    // Where skipping is to end is not known yet: nothing can be placed.
    const events = this.#skipping ? [] : this.#news(message.events);
    for (const event of events) {
      // The epoch comes with the last one: a reader that leaves before it has a cursor of the earlier epoch, which the
      // service knows how to go on from or answers with a snapshot.
      const epoch = (event === events.at(-1) && message.epoch) || this.cursor.epoch;
      this.#took({ epoch, offset: event.offset });
      this.#atFinal = FINAL_EVENTS.includes(event.payload);
      yield { event };
    }

    if (message.epoch) {
      if (this.#skipping) this.#took({ epoch: message.epoch, offset: message.lastOffset });
      else this.cursor = { ...this.cursor, epoch: message.epoch };
    }
    if (message.lastOffset) told.lastOffset = message.lastOffset;
    if (message.closed) told.closed = true;
  }

  /**
   * Those that the cursor is not past. Looked at before the first of them is handed out, so that a message is applied
   * whole or not at all.
   * @param {any[]} events
   */
  #news(events) {
    const news = events.filter((event) => event.offset > this.cursor.offset);
    this.repeats += events.length - news.length;
    if (news.some((event, i) => event.offset !== this.cursor.offset + 1 + i)) {
      this.gaps++;
      throw new CallError(status.UNAVAILABLE, `a gap after offset ${this.cursor.offset}`);
    }
    return news;
  }

  get #skipping() {
    return this.#catchUp === CatchUp.SKIP;
  }

  /** @param {Cursor} cursor */
  #took(cursor) {
    this.cursor = cursor;
    this.#catchUp = CatchUp.REPLAY; // From here on a call resumes; before, it asks for the same as the first one.
    this.#failures.progress();
  }
}
