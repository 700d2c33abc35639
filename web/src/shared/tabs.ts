/** Calls that the tabs of an origin share: one of them holds the streams, the others hear from it. */

import { audible, type ReadOptions } from "../audible.js";
import type { Calls } from "../calls.js";
import {
  type StreamJobRequest,
  StreamJobRequestSchema,
  type StreamJobResponse,
  StreamJobResponseSchema,
  type WatchJobsRequest,
  WatchJobsRequestSchema,
  type WatchJobsResponse,
  WatchJobsResponseSchema,
} from "../gen/streamsvc/v1/job_service_pb.js";
import { newId } from "../ids.js";
import type { ClientOptions } from "../options.js";
import type { Signal } from "../page.js";
import type { World } from "../resumption.js";
import { Follower } from "./follower.js";
import { Inbox } from "./inbox.js";
import { Leader } from "./leader.js";
import type { Lines } from "./lines.js";
import { ChannelLocks, type Locks } from "./locks.js";
import type { Channel, Posted } from "./posted.js";

/** What tabs meet by. */
export interface Meeting {
  /** Tabs of one name share. */
  readonly name: string;
  /** Which of them this is. */
  readonly tab: string;
  readonly locks: Locks;
  readonly channel: Channel;
  /** How long the tab that leads may take to say that it has a call, in ms; then the call is made without it. */
  readonly takenWithinMs: number;
}

/**
 * The calls of one tab. The tab that holds the lock leads: it makes the calls of all, and those that are alike only
 * once. When it goes, the lock passes on, and each stream goes on from its own cursor, as after any lost connection.
 */
export class SharedCalls implements Calls {
  readonly #follower: Follower;
  readonly #stopListening: () => void;
  #leader: Leader | undefined;
  /** Done as soon as it is known whether this tab leads. */
  #elected: Promise<void>;
  #staying = new AbortController();
  #closed = false;

  constructor(
    private readonly network: Calls,
    private readonly meeting: Meeting,
    private readonly world: World,
  ) {
    this.#follower = new Follower(meeting.tab, meeting.takenWithinMs, (message) => this.#post(message));
    meeting.channel.addEventListener("message", ({ data }) => this.#received(data));
    this.#stopListening = world.page((signal) => this.#heard(signal));
    this.#elected = this.#join();
  }

  async *streamJob(request: StreamJobRequest, options: ReadOptions): AsyncGenerator<StreamJobResponse, void, void> {
    await this.#elected;
    const direct = (...call: [StreamJobRequest, ReadOptions]) => this.network.streamJob(...call);
    const route = { requests: StreamJobRequestSchema, responses: StreamJobResponseSchema, direct };
    if (this.#closed) yield* direct(request, options);
    else if (this.#leader) yield* joined(this.#leader.jobs, request, options);
    else yield* this.#follower.call({ method: "streamJob", ...route }, request, options);
  }

  async *watchJobs(request: WatchJobsRequest, options: ReadOptions): AsyncGenerator<WatchJobsResponse, void, void> {
    await this.#elected;
    const direct = (...call: [WatchJobsRequest, ReadOptions]) => this.network.watchJobs(...call);
    const route = { requests: WatchJobsRequestSchema, responses: WatchJobsResponseSchema, direct };
    if (this.#closed) yield* direct(request, options);
    else if (this.#leader) yield* joined(this.#leader.watches, request, options);
    else yield* this.#follower.call({ method: "watchJobs", ...route }, request, options);
  }

  /** Leaves the other tabs; calls from now on are this tab's own. */
  close(): void {
    this.#closed = true;
    this.#stopListening();
    this.#leave();
    this.#follower.release();
    this.meeting.channel.close();
  }

  #heard(signal: Signal): void {
    if (signal === "away") this.#leave();
    else if (signal === "back" && this.#staying.signal.aborted) this.#elected = this.#join();
    else this.#leader?.drop(signal === "online" ? "all" : "overdue");
  }

  #received(message: Posted): void {
    if (!this.#leader) {
      this.#follower.heard(message);
    } else if (message.kind === "leads") {
      // While this tab was frozen another one took its place.
      this.#leave();
      this.#elected = this.#join();
    } else {
      this.#leader.heard(message);
    }
  }

  #post(message: Posted): void {
    if (!this.#closed) this.meeting.channel.postMessage(message);
  }

  /** Takes the lock, or stands in line for it. Done as soon as it is known which; alone if locks are refused. */
  async #join(): Promise<void> {
    this.#staying = new AbortController();
    const { signal } = this.#staying;
    const { locks, name, tab } = this.meeting;
    try {
      // By this one the leader knows that the tab is there.
      const here = taken((held) => locks.request(tabLock(name, tab), {}, () => stays(signal, held)));
      await taken((known) => {
        const lead = (lock: unknown) => (lock ? this.#lead(signal, known) : Promise.resolve());
        const now = locks.request(name, { ifAvailable: true }, lead);
        return now.then(() => {
          known();
          if (!signal.aborted) void locks.request(name, { signal }, lead).catch(() => {});
        });
      });
      await here;
    } catch {
      this.#closed = true;
    }
  }

  /** Leads as long as this tab stays. */
  #lead(signal: AbortSignal, known: () => void): Promise<void> {
    const { locks, name, tab } = this.meeting;
    const gone = (other: string) => locks.request(tabLock(name, other), {}, async () => {}).then(() => {});
    this.#leader = new Leader(this.network, tab, (message) => this.#post(message), gone, this.world.wallClock);
    this.#follower.release();
    this.#post({ kind: "leads", leader: tab });
    return stays(signal, known);
  }

  #leave(): void {
    this.#leader?.drop("all");
    this.#leader = undefined;
    this.#staying.abort();
  }
}

/** The tabs of this origin, if streams are to be shared with them. */
export function shared(
  network: Calls,
  baseUrls: readonly string[],
  { shareAcrossTabs = "auto", token, identity = "" }: ClientOptions,
  world: World,
): SharedCalls | undefined {
  const can = typeof BroadcastChannel !== "undefined";
  const auto = () => globalThis.location?.protocol === "http:" && (token === undefined || identity !== "");
  if (!can || !(shareAcrossTabs === "auto" ? auto() : shareAcrossTabs)) return undefined;
  const name = `streamsvc/1 ${JSON.stringify([identity, ...baseUrls])}`;
  const tab = newId();
  const locks = globalThis.navigator?.locks ?? new ChannelLocks(new BroadcastChannel(`${name} locks`), tab);
  const channel = new BroadcastChannel(name);
  return new SharedCalls(network, { name, tab, locks, channel, takenWithinMs: 1_000 }, world);
}

/** What a line of this tab brings. */
function joined<Q, R>(lines: Lines<Q, R>, request: Q, options: ReadOptions): AsyncIterable<R> {
  return audible((signal) => {
    const inbox = new Inbox<R>();
    lines.join(request, inbox, options.silenceMs);
    signal.addEventListener("abort", () => lines.leave(inbox));
    return inbox;
  }, options);
}

/** Done when what `request` is given is called. Throws if the request fails before. */
function taken(request: (held: () => void) => Promise<unknown>): Promise<void> {
  return new Promise((held, refused) => void request(held).catch(refused));
}

function tabLock(name: string, tab: string): string {
  return `${name} ${tab}`;
}

/** Calls `held`, and is done when `signal` is aborted. */
function stays(signal: AbortSignal, held: () => void): Promise<void> {
  held();
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });
}
