/** Reading a stream that must not fall silent. */

import { Code } from "@connectrpc/connect";

import { StreamsvcError, unreachable } from "./errors.js";

/** How a stream is read. */
export interface ReadOptions {
  /** Ends the call; what is thrown then is its reason. */
  readonly signal: AbortSignal;
  /** The longest silence, in ms. It counts only while a message is waited for. */
  readonly silenceMs: number;
  /** Whether the reader has everything, so that the call may end. */
  readonly finished: () => boolean;
}

/**
 * Yields what `call` gives, to its end, and ends it when it is left. Throws what the call throws, SILENT if nothing
 * comes for too long, UNREACHABLE if it ends although the reader is not finished, and the signal's reason.
 */
export async function* audible<T>(
  call: (signal: AbortSignal) => AsyncIterable<T>,
  { signal, silenceMs, finished }: ReadOptions,
): AsyncGenerator<T, void, void> {
  signal.throwIfAborted();
  const ending = new AbortController();
  const end = () => ending.abort(signal.reason);
  signal.addEventListener("abort", end);
  try {
    const messages = call(ending.signal)[Symbol.asyncIterator]();
    for (;;) {
      const message = await soon(messages.next(), ending, silenceMs);
      if (message.done) break;
      yield message.value;
    }
    if (!finished()) throw unreachable("the stream ended before the final event");
  } finally {
    signal.removeEventListener("abort", end);
    ending.abort();
  }
}

/** What `next` gives. Aborts `ending` if that takes longer than `silenceMs`, and throws its reason if it is aborted. */
function soon<T>(next: Promise<T>, ending: AbortController, silenceMs: number): Promise<T> {
  const { signal } = ending;
  const timer = setTimeout(() => ending.abort(silent(silenceMs)), silenceMs);
  return new Promise<T>((resolve, reject) => {
    // Not left to the call: one on a connection that is half open may take its time to notice.
    const aborted = () => reject(signal.reason as Error);
    signal.addEventListener("abort", aborted);
    next.then(resolve, reject).finally(() => signal.removeEventListener("abort", aborted));
    if (signal.aborted) aborted();
  }).finally(() => clearTimeout(timer));
}

function silent(silenceMs: number): StreamsvcError {
  return new StreamsvcError("SILENT", Code.Unavailable, `nothing came for ${silenceMs / 1000} s, not even a heartbeat`);
}
