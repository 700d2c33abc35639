/** What a page can subscribe to. */

/**
 * A value that changes, in the form that React's useSyncExternalStore takes and every other page can use: `subscribe`,
 * and `getSnapshot`, whose answer is the same object until something has changed.
 *
 * It works as long as somebody is subscribed, and goes on where it was when somebody subscribes again.
 */
export abstract class Store<S> {
  readonly #listeners = new Set<() => void>();
  #snapshot: S | undefined;
  #turn = 0;
  #work: Promise<void> = Promise.resolve();

  /** `used` is told when the first subscriber has come and when the last one has left. */
  constructor(private readonly used: (inUse: boolean) => void = () => {}) {}

  /** Calls `listener` after each change, until the function that it returns is called. */
  readonly subscribe = (listener: () => void): (() => void) => {
    // Not the listener itself: one that subscribes twice is called twice, and leaves twice.
    const call = () => listener();
    this.#listeners.add(call);
    if (this.#listeners.size === 1) this.#begin();
    return () => {
      if (this.#listeners.delete(call) && this.#listeners.size === 0) this.#end();
    };
  };

  /** The value now. */
  readonly getSnapshot = (): S => {
    this.#snapshot ??= this.snapshot();
    return this.#snapshot;
  };

  /** Makes the value anew, and tells the listeners. One that fails is reported, and stops nothing. */
  protected changed(): void {
    this.#snapshot = undefined;
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (error) {
        globalThis.reportError?.(error);
      }
    }
  }

  /** The value, made anew. */
  protected abstract snapshot(): S;

  /** Follows what the value depends on, until there is nothing more or `stop` is called. */
  protected abstract work(): Promise<void>;

  /** Ends `work` soon. */
  protected abstract stop(): void;

  #begin(): void {
    this.used(true);
    this.#turn += 1;
    const turn = this.#turn;
    // Not before the last work is over: they share what they follow.
    this.#work = this.#work.then(() => (turn === this.#turn && this.#listeners.size > 0 ? this.work() : undefined));
  }

  #end(): void {
    this.used(false);
    this.stop();
  }
}
