/** Calling again, until a stream is finished: the part that streams of a job and watches have in common. */

import { Attention, Interrupted } from "./attention.js";
import type { ReadOptions } from "./audible.js";
import { errorOf } from "./details.js";
import type { Patience } from "./options.js";
import type { Page } from "./page.js";
import { type Chance, Retries } from "./retries.js";

/** The longest silence that is ever waited for, in ms: two heartbeats of the longest interval. */
const MAX_SILENCE_MS = 120_000;

/** What a stream needs of the world around it. */
export interface World {
  readonly patience: Patience;
  readonly chance: Chance;
  readonly page: Page;
  /** Time that goes on while the machine sleeps, in ms. */
  readonly wallClock: () => number;
}

/** The attempts of one stream; `changed` is called when a call fails and when one brings its first message. */
export class Resumption {
  /** How often a call was made anew. */
  reconnects = 0;
  /** Whether the present call has brought anything. */
  connected = false;
  #silenceMs: number;
  #progressed = false;
  #heardAt = 0;
  #attention: Attention | undefined;
  readonly #retries: Retries;

  constructor(
    private readonly world: World,
    private readonly changed: () => void,
  ) {
    this.#silenceMs = 2 * world.patience.heartbeatIntervalMs;
    this.#retries = new Retries(world.patience, world.chance);
  }

  /** The longest silence to ask the service for, in ms. */
  get heartbeatIntervalMs(): number {
    return this.#silenceMs / 2;
  }

  /** Takes note that something came that was not known before. */
  progress(): void {
    this.#progressed = true;
    this.#retries.progress();
  }

  /**
   * Yields what the calls of `attempt` bring, one call after the other, until the stream is finished or closed. Throws
   * StreamsvcError where another call would not help.
   */
  async *run<T>(
    attempt: (options: ReadOptions) => AsyncIterable<T>,
    finished: () => boolean,
  ): AsyncGenerator<T, void, void> {
    const attention = new Attention(this.world.page, () => this.#overdue());
    this.#attention = attention;
    try {
      while (!finished()) {
        const signal = await attention.call();
        if (!signal) return;
        try {
          yield* this.#heard(attempt({ signal, silenceMs: this.#silenceMs, finished }));
        } catch (thrown) {
          if (attention.closed || finished()) return;
          await this.#failed(thrown, attention);
        }
      }
    } finally {
      attention.close();
      this.connected = false;
    }
  }

  /** Ends `run`, wherever it is. */
  close(): void {
    this.#attention?.close();
  }

  async *#heard<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
    this.#progressed = false;
    this.#heardAt = this.world.wallClock();
    for await (const message of messages) {
      this.#heardAt = this.world.wallClock();
      this.#retries.contact();
      const first = !this.connected;
      this.connected = true;
      yield message;
      if (first) this.changed();
    }
  }

  async #failed(thrown: unknown, attention: Attention): Promise<void> {
    this.connected = false;
    if (thrown instanceof Interrupted) {
      this.reconnects += 1;
      this.changed();
      return;
    }
    const error = errorOf(thrown);
    // Perhaps not the connection's fault: a large snapshot on a busy machine takes its time.
    if (error.reason === "SILENT" && !this.#progressed) this.#silenceMs = Math.min(2 * this.#silenceMs, MAX_SILENCE_MS);
    const waitMs = this.#retries.waitMs(error);
    this.reconnects += 1;
    this.changed();
    await attention.pause(waitMs, error.retryAfterMs !== undefined);
  }

  #overdue(): boolean {
    return this.world.wallClock() - this.#heardAt > this.heartbeatIntervalMs;
  }
}
