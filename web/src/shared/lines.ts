/** Calls over the network of which several readers have each message. */

import type { ReadOptions } from "../audible.js";
import { StreamsvcError, unreachable } from "../errors.js";
import type { Line } from "./line.js";

/** Who gets what comes: in this tab or in another one. */
export interface Reader<Response> {
  put(response: Response): void;
  /** There is nothing more; with an error the call failed. */
  end(error?: StreamsvcError): void;
}

/** How lines of one kind are made. */
export interface LineKind<Request, Response> {
  /** Requests of the same key may share a line. */
  key(request: Request): string;
  line(request: Request): Line<Request, Response>;
  call(request: Request, options: ReadOptions): AsyncIterable<Response>;
}

/** A line, who reads it, and its call. */
interface Running<Request, Response> {
  readonly line: Line<Request, Response>;
  readonly key: string;
  readonly readers: Set<Reader<Response>>;
  readonly call: AbortController;
  readonly silenceMs: number;
  /** When anything came last, by the wall clock. */
  heardAt: number;
}

/** All lines of one kind. Readers are in one at most, and a line without readers ends. */
export class Lines<Request, Response> {
  readonly #running = new Set<Running<Request, Response>>();

  constructor(
    private readonly kind: LineKind<Request, Response>,
    private readonly wallClock: () => number,
  ) {}

  /** Gives `reader` what a call with `request` brings: of a line that it can join, else of a new one. */
  join(request: Request, reader: Reader<Response>, silenceMs: number): void {
    const key = this.kind.key(request);
    const found = [...this.#running].find((running) => running.key === key && running.line.accepts(request));
    if (found) {
      this.#add(found, request, reader);
      return;
    }
    const begun = {
      line: this.kind.line(request),
      key,
      readers: new Set([reader]),
      call: new AbortController(),
      silenceMs,
      heardAt: this.wallClock(),
    };
    this.#running.add(begun);
    void this.#run(begun, request);
  }

  /** `reader` wants nothing more. */
  leave(reader: Reader<Response>): void {
    for (const running of this.#running) {
      if (running.readers.delete(reader) && running.readers.size === 0) this.#stop(running);
    }
  }

  /** Ends all lines as if their connections were lost, or only those that owe a heartbeat. */
  drop(which: "all" | "overdue"): void {
    for (const running of [...this.#running]) {
      const overdue = this.wallClock() - running.heardAt > running.silenceMs / 2;
      if (which === "all" || overdue) this.#over(running, unreachable("the tab that held the stream let it go"));
    }
  }

  async #run(running: Running<Request, Response>, request: Request): Promise<void> {
    const { line, call, silenceMs } = running;
    const options = { signal: call.signal, silenceMs, finished: () => line.finished() };
    try {
      for await (const response of this.kind.call(request, options)) {
        running.heardAt = this.wallClock();
        line.take(response);
        for (const reader of [...running.readers]) reader.put(response);
        this.#merge(running);
      }
      this.#over(running);
    } catch (thrown) {
      // What is no failed call, such as a token callback that throws, must not leave readers waiting.
      const error = thrown instanceof StreamsvcError ? thrown : unreachable(String(thrown));
      if (!call.signal.aborted) this.#over(running, error);
    }
  }

  /** Moves the readers of a line to another one that has got as far, so that one call is left. */
  #merge(running: Running<Request, Response>): void {
    const place = running.line.place();
    if (!place) return;
    const others = [...this.#running].filter((other) => other !== running && other.key === running.key);
    const into = others.find(({ line }) => line.accepts(place));
    if (!into) return;
    this.#stop(running);
    for (const reader of running.readers) this.#add(into, place, reader);
  }

  #add(running: Running<Request, Response>, request: Request, reader: Reader<Response>): void {
    const opening = running.line.opening(request);
    running.readers.add(reader);
    if (opening) reader.put(opening);
  }

  #over(running: Running<Request, Response>, error?: StreamsvcError): void {
    this.#stop(running);
    for (const reader of running.readers) reader.end(error);
  }

  #stop(running: Running<Request, Response>): void {
    this.#running.delete(running);
    running.call.abort();
  }
}
