/** Waits between attempts: exponential, with full jitter, reset by progress. */

/**
 * How long to wait before attempt n: anything between nothing and `initialMs * 2**n`, at most `maximumMs` ("full
 * jitter", AWS Architecture Blog, 2015), so that pages that lost the same server do not come back together.
 */
export class Backoff {
  constructor(
    readonly initialMs = 100,
    readonly maximumMs = 10_000,
  ) {}

  /** The wait before `attempt` (0 for the first retry), in ms. `random` returns a number in [0, 1). */
  delayMs(attempt: number, random: () => number): number {
    return Math.min(this.initialMs * 2 ** attempt, this.maximumMs) * random();
  }
}
