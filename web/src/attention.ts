/** What cuts the calls and the waits of one stream short: the page, and the end of interest in it. */

import type { Page, Signal } from "./page.js";

/** Why a call was ended from here: not a failure, but a reason to call again at once. */
export class Interrupted extends Error {
  /** `doubtful`: whether its connection may be dead. */
  constructor(readonly doubtful: boolean) {
    super();
  }
}

/**
 * The attention of one reader, from now until `close`.
 *
 * While the page is away nothing is called. When it is back, visible or awake again, or online, waits end; so do calls
 * that are `overdue`, and all of them where their connection is gone for sure.
 */
export class Attention {
  #closed = false;
  #away = false;
  #call: AbortController | undefined;
  /** Ends the wait that is under way; `#firm` if only `close` may. */
  #cut: (() => void) | undefined;
  #firm = false;
  readonly #stopListening: () => void;

  constructor(
    page: Page,
    private readonly overdue: () => boolean,
  ) {
    this.#stopListening = page((signal) => this.#heard(signal));
  }

  /** Whether nobody is interested any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** The signal for the next call, once the page is there; nothing if this was closed. */
  async call(): Promise<AbortSignal | undefined> {
    while (this.#away && !this.#closed) await this.#wait(false);
    this.#call = new AbortController();
    return this.#closed ? undefined : this.#call.signal;
  }

  /** Waits for `ms`, or until something happens to the page; with `firm` nothing but `close` ends it early. */
  async pause(ms: number, firm: boolean): Promise<void> {
    const timer = setTimeout(() => this.#cut?.(), ms);
    await this.#wait(firm);
    clearTimeout(timer);
  }

  /** Ends the call and the wait that are under way. */
  close(): void {
    this.#closed = true;
    this.#stopListening();
    this.#call?.abort(new Interrupted(false));
    this.#cut?.();
  }

  #heard(signal: Signal): void {
    if (signal === "away") this.#away = true;
    if (signal === "back") this.#away = false;
    const doubtful = signal === "online" || this.overdue();
    if (signal === "away" || doubtful) this.#call?.abort(new Interrupted(doubtful));
    if (!this.#firm) this.#cut?.();
  }

  #wait(firm: boolean): Promise<void> {
    this.#firm = firm;
    return new Promise((resolve) => {
      this.#cut = resolve;
      if (this.#closed) resolve();
    });
  }
}
