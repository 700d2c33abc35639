/** What comes for one reader, until it takes it. */

/** An async iterable that others fill. For one reader. */
export class Inbox<T> implements AsyncIterable<T> {
  readonly #messages: T[] = [];
  #over: { readonly error: Error | undefined } | undefined;
  #wake: (() => void) | undefined;

  /** Adds a message. */
  put(message: T): void {
    this.#messages.push(message);
    this.#wake?.();
  }

  /** Ends it after what it holds; with an error the iteration throws it. */
  end(error?: Error): void {
    this.#over ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      yield* this.#messages.splice(0);
      if (this.#messages.length > 0) continue;
      if (this.#over) break;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#over.error) throw this.#over.error;
  }
}
