/** A tab that hears from the leader: makes its calls through it. */

import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";

import { audible, type ReadOptions } from "../audible.js";
import { type StreamsvcError, unreachable } from "../errors.js";
import { Inbox } from "./inbox.js";
import { type Method, type Posted, received } from "./posted.js";

/** A call of this tab. */
interface Pending {
  /** Which tab has it. Should two believe that they lead, only the first one's word counts. */
  leader: string | undefined;
  taken(): void;
  message(response: Uint8Array): void;
  end(error?: StreamsvcError): void;
}

/** Which call to make, and where it goes if the leader does not answer. */
export interface Route<Q extends DescMessage, R extends DescMessage> {
  readonly method: Method;
  readonly requests: Q;
  readonly responses: R;
  readonly direct: (request: MessageShape<Q>, options: ReadOptions) => AsyncIterable<MessageShape<R>>;
}

/** Makes calls through whichever tab leads. A change of leader ends them as a lost connection does. */
export class Follower {
  readonly #pending = new Map<string, Pending>();
  #calls = 0;

  /** `takenWithinMs`: how long the leader may take to say that it has a call. */
  constructor(
    private readonly tab: string,
    private readonly takenWithinMs: number,
    private readonly post: (message: Posted) => void,
  ) {}

  /** Yields what the leader hands on, or what a call of this tab's own brings if there is no leader that answers. */
  async *call<Q extends DescMessage, R extends DescMessage>(
    { method, requests, responses, direct }: Route<Q, R>,
    request: MessageShape<Q>,
    options: ReadOptions,
  ): AsyncGenerator<MessageShape<R>, void, void> {
    const { tab } = this;
    const id = `${tab}/${this.#calls++}`;
    const inbox = new Inbox<MessageShape<R>>();
    try {
      const taken = this.#expect(id, inbox, responses);
      const { silenceMs } = options;
      this.post({ kind: "call", id, tab, method, request: toBinary(requests, request), silenceMs });
      if (await taken) return yield* audible(() => inbox, options);
    } finally {
      this.#pending.delete(id);
      this.post({ kind: "left", id });
    }
    yield* direct(request, options);
  }

  /** Takes what the leader has posted. */
  heard(message: Posted): void {
    if (message.kind === "leads") this.release();
    if (!("id" in message) || !("leader" in message)) return;
    const call = this.#pending.get(message.id);
    if (!call || (call.leader ??= message.leader) !== message.leader) return;
    if (message.kind === "taken") call.taken();
    else if (message.kind === "message") call.message(message.response);
    else call.end(message.error && received(message.error));
  }

  /** Ends all calls, to be made anew. */
  release(): void {
    for (const call of this.#pending.values()) call.end(unreachable("another tab holds the streams now"));
  }

  /** Whether the leader takes the call in time. */
  #expect<R extends DescMessage>(id: string, inbox: Inbox<MessageShape<R>>, responses: R): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), this.takenWithinMs);
      const taken = () => {
        clearTimeout(timer);
        resolve(true);
      };
      const message = (response: Uint8Array) => inbox.put(fromBinary(responses, response));
      const end = (error?: StreamsvcError) => {
        inbox.end(error);
        taken();
      };
      this.#pending.set(id, { leader: undefined, taken, message, end });
    });
  }
}
