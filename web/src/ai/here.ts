/** What this page does with a chat at the moment. */

import type { UIMessage } from "ai";

/** What keeps the messages of a page in step with the service; see `live`. */
export interface Keeper {
  /** Nothing is sent or followed any more. */
  readonly idle: () => void;
  /** A message as it is now, where chunks cannot say it. */
  readonly replaced: (message: UIMessage) => void;
}

/** One chat in this page. */
export class ChatHere {
  keeper: Keeper | undefined;
  /** Whether its component is being taken away: what is given up then was not stopped by a person. */
  leaving = false;
  /** How often its running job was looked for. */
  resumed = 0;
  /** By the id of what a person said: the newest job that answers it. */
  readonly answers = new Map<string, string>();
  readonly #left = new WeakSet<AbortSignal>();
  #holds = 0;

  /** Whether something is sent or followed. */
  get busy(): boolean {
    return this.#holds > 0;
  }

  /** Notices whether what `signal` ends is given up because the component is taken away. */
  notice(signal: AbortSignal | undefined): void {
    signal?.addEventListener("abort", () => void (this.leaving && this.#left.add(signal)));
  }

  /** Whether what `signal` has ended was given up for that reason. */
  wasLeft(signal: AbortSignal): boolean {
    return this.#left.has(signal);
  }

  /** Says that something is sent or followed, until the function that it returns is called. */
  hold(): () => void {
    this.#holds += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holds -= 1;
      if (!this.busy) this.keeper?.idle();
    };
  }
}
