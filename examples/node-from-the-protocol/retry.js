// What a failed call means: whether to call again, after which wait, and when to give up.
// @ts-check

import grpc from '@grpc/grpc-js';

import { errorDetails } from './wire.js';

const { status } = grpc;

/** Codes that libraries and proxies use for what went wrong on the way, unless the service says it is its own word. */
const ON_THE_WAY = [status.UNKNOWN, status.INTERNAL, status.CANCELLED, status.DEADLINE_EXCEEDED];

/** A call that failed: one attempt, or, when it reaches the caller of this library, for good. */
export class CallError extends Error {
  name = 'CallError';

  /**
   * @param {number} code @param {string} message
   * @param {ReturnType<typeof errorDetails>} [said]
   */
  constructor(code, message, said = {}) {
    super(`${said.info?.reason ?? status[code]}: ${message}`);
    this.code = code;
    /** The service's reason (docs/errors.md); undefined if something else failed the call. */
    this.reason = said.info?.reason;
    this.metadata = said.info?.metadata ?? {};
    this.retryMs = said.retryMs;
  }

  /** @param {any} error what gRPC threw */
  static of(error) {
    if (error instanceof CallError) return error;
    if (typeof error.code !== 'number') throw error; // Not gRPC's: a bug of this program.
    return new CallError(error.code, error.details, errorDetails(error.metadata));
  }

  /** A message that is too large for this client looks like this; so may a proxy that is short of something. */
  get perhapsTooLarge() {
    return this.code === status.RESOURCE_EXHAUSTED && this.reason === undefined;
  }

  get isFinal() {
    if (this.code === status.UNAVAILABLE || this.code === status.RESOURCE_EXHAUSTED) return false;
    return this.reason !== undefined || !ON_THE_WAY.includes(this.code);
  }
}

/** @typedef {{firstMs: number, maxMs: number, giveUpMs: number}} Patience */

/** @type {Patience} */
export const PATIENCE = { firstMs: 100, maxMs: 10_000, giveUpMs: 300_000 };

/** The failures since something last went well. */
export class Failures {
  #patience;
  #now;
  #random;
  #waits = 0;
  #progressed = false;
  /** @type {number | undefined} */
  #since;
  #tooLarge = false;

  /** @param {Patience} patience @param {() => number} now in ms @param {() => number} random from 0 to 1 */
  constructor(patience, now = () => performance.now(), random = Math.random) {
    this.#patience = patience;
    this.#now = now;
    this.#random = random;
  }

  /** An event or a whole snapshot has come. */
  progress() {
    this.#waits = 0;
    this.#progressed = true;
    this.#since = undefined;
    this.#tooLarge = false;
  }

  /** The call stands, though it brings nothing new: a job may be silent for longer than a user waits for a service. */
  alive() {
    this.#since = undefined;
  }

  /**
   * Takes note of a failure.
   * @param {CallError} error
   * @returns {number} how many ms to wait before the next call
   * @throws {CallError} if there shall be none
   */
  next(error) {
    if (error.isFinal || (error.perhapsTooLarge && this.#tooLarge)) throw error;
    this.#tooLarge = error.perhapsTooLarge;
    const wait = error.retryMs ?? this.#backoff();
    this.#progressed = false;
    this.#since ??= this.#now();
    // A wait that ends after the user has left is no use: better say so now.
    if (this.#now() + wait - this.#since > this.#patience.giveUpMs) throw error;
    return wait;
  }

  #backoff() {
    if (this.#progressed) return 0;
    // Full jitter, so that the readers of a service that has come back do not all call at the same moment.
    const { firstMs, maxMs } = this.#patience;
    return this.#random() * Math.min(maxMs, firstMs * 2 ** this.#waits++);
  }
}
