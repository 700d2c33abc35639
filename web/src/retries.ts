/** After a failure: whether to try again, and how long to wait before. */

import { Code } from "@connectrpc/connect";

import { fromService, isResumable, StreamsvcError } from "./errors.js";
import type { Patience } from "./options.js";

/** Time that never goes back, in ms, and chance: a number in [0, 1). */
export interface Chance {
  readonly now: () => number;
  readonly random: () => number;
}

/** The real ones. */
export const CHANCE: Chance = { now: () => performance.now(), random: () => Math.random() };

/** The patience of one stream or call. Progress makes it new. */
export class Retries {
  #failingSince: number | undefined;
  #failures = 0;
  #tooLarge = 0;
  #askedToken = false;

  constructor(
    private readonly patience: Patience,
    private readonly chance: Chance,
  ) {}

  /** Takes note that something came that was not known before. */
  progress(): void {
    this.contact();
    this.#failures = this.#tooLarge = 0;
  }

  /** Takes note that the service answered at all, with a heartbeat say: there is no reason to give up. */
  contact(): void {
    this.#failingSince = undefined;
    this.#askedToken = false;
  }

  /**
   * How long to wait before the next attempt, in ms: what the service asks for; else nothing after progress; else the
   * backoff. Throws `error` if another attempt would not help, and GAVE_UP if nothing came for too long.
   */
  waitMs(error: StreamsvcError): number {
    if (error.reason === "TOKEN_INVALID" && this.patience.renewsTokens && !this.#askedToken) {
      this.#askedToken = true;
      return 0;
    }
    if (!isResumable(error)) throw error;
    // A message that is too large for this client stays so.
    if (error.code === Code.ResourceExhausted && !fromService(error) && ++this.#tooLarge >= 2) throw error;
    this.#giveUpAfter(error);
    this.#failures += 1;
    if (error.retryAfterMs !== undefined) return error.retryAfterMs;
    return this.#failures === 1 ? 0 : this.patience.backoff.delayMs(this.#failures - 2, this.chance.random);
  }

  #giveUpAfter(error: StreamsvcError): void {
    this.#failingSince ??= this.chance.now();
    const failingMs = this.chance.now() - this.#failingSince;
    if (failingMs <= this.patience.giveUpAfterMs) return;
    const seconds = (failingMs / 1000).toFixed();
    const text = `nothing came for ${seconds} s; last: ${error.message}`;
    throw new StreamsvcError("GAVE_UP", Code.Unavailable, text, { metadata: { seconds }, cause: error });
  }
}
