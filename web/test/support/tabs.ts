/** Tabs of one browser, in this process. */

import { Backoff } from "../../src/backoff.js";
import { newId } from "../../src/ids.js";
import { Links } from "../../src/links.js";
import { Network } from "../../src/network.js";
import { patienceOf } from "../../src/options.js";
import { CHANCE } from "../../src/retries.js";
import type { Channel, Posted } from "../../src/shared/posted.js";
import { type AboutLock, ChannelLocks, type Locks } from "../../src/shared/locks.js";
import { SharedCalls } from "../../src/shared/tabs.js";
import { isSnapshot, JobStream, type StreamOptions } from "../../src/stream.js";
import { type JobsUpdate, JobWatch } from "../../src/watch.js";
import { FakePage } from "./page.js";
import type { FakeService } from "./service.js";

const NAME = "streamsvc/1 test";

interface Asked {
  readonly tab: Tab;
  readonly held: (lock: unknown) => Promise<void>;
  readonly done: (value: unknown) => void;
}

/** Locks as the Web Locks API has them, and tabs that can die. */
export class Browser {
  readonly #queues = new Map<string, Asked[]>();
  readonly #channels = new Set<BroadcastChannel>();
  readonly tabs: Tab[] = [];

  /** `locks`: the browser's own, or those that tabs make do with where they have none. */
  constructor(
    readonly service: FakeService,
    readonly locks: "web" | "channel" = "web",
    readonly takenWithinMs = 10_000,
  ) {}

  /** Opens a tab. */
  open(): Tab {
    const tab = new Tab(this, this.service);
    this.tabs.push(tab);
    return tab;
  }

  /** Ends everything. */
  close(): void {
    for (const tab of this.tabs) tab.crash();
    for (const channel of this.#channels) channel.close();
  }

  /** Takes all locks of a tab from it. */
  free(tab: Tab): void {
    for (const [name, queue] of this.#queues) {
      const [first] = queue;
      const left = queue.filter((asked) => asked.tab !== tab);
      this.#queues.set(name, left);
      if (first?.tab === tab) this.#grant(name);
    }
  }

  private request(
    tab: Tab,
    name: string,
    options: Parameters<Locks["request"]>[1],
    held: Asked["held"],
  ): Promise<unknown> {
    const queue = this.#queues.get(name) ?? [];
    this.#queues.set(name, queue);
    if (options.ifAvailable && queue.length > 0) return held(null);
    return new Promise((done, failed) => {
      const asked = { tab, held, done };
      queue.push(asked);
      options.signal?.addEventListener("abort", () => {
        const place = this.#queues.get(name)?.indexOf(asked) ?? -1;
        if (place > 0) this.#queues.get(name)?.splice(place, 1);
        if (place > 0) failed(new Error("aborted"));
      });
      if (queue.length === 1) this.#grant(name);
    });
  }

  locksOf(tab: Tab): Locks {
    if (this.locks === "web") return { request: (...asked) => this.request(tab, ...asked) };
    const channel = new BroadcastChannel(`${NAME} locks`);
    this.#channels.add(channel);
    // A tab that is dead says nothing more.
    const post = channel.postMessage.bind(channel);
    channel.postMessage = (message: AboutLock) => !tab.dead && post(message);
    return new ChannelLocks(channel, tab.id, 20, 100);
  }

  channel(tab: Tab): Channel {
    const channel = new BroadcastChannel(NAME);
    this.#channels.add(channel);
    return {
      postMessage: (message: Posted) => !tab.dead && channel.postMessage(message),
      addEventListener: (type, listener) =>
        channel.addEventListener(type, (event) => !tab.dead && listener(event as unknown as MessageEvent<Posted>)),
      close: () => channel.close(),
    };
  }

  #grant(name: string): void {
    const [asked] = this.#queues.get(name) ?? [];
    if (!asked) return;
    // As in a browser, not while the one before is still being asked.
    queueMicrotask(() => {
      if (this.#queues.get(name)?.[0] !== asked) return;
      void asked.held({ name }).then((value) => {
        asked.done(value);
        if (this.#queues.get(name)?.[0] !== asked) return;
        this.#queues.get(name)?.shift();
        this.#grant(name);
      });
    });
  }
}

/** A tab, with its readers. */
export class Tab {
  dead = false;
  readonly id = newId();
  readonly page = new FakePage();
  readonly #world;
  readonly #calls: SharedCalls;
  readonly #open = new Set<JobStream | JobWatch>();

  constructor(
    private readonly browser: Browser,
    service: FakeService,
  ) {
    const patience = patienceOf({ backoff: new Backoff(1, 4), heartbeatIntervalMs: 2_000 });
    this.#world = { patience, chance: CHANCE, page: this.page.page, wallClock: Date.now };
    const network = new Network(new Links(["http://one"], service.transport, undefined), patience, CHANCE);
    const [locks, channel, { takenWithinMs }] = [browser.locksOf(this), browser.channel(this), browser];
    const meeting = { name: NAME, tab: this.id, locks, channel, takenWithinMs };
    this.#calls = new SharedCalls(network, meeting, this.#world);
  }

  /** Reads a job to its end; the offsets that came are in `seen` all along. */
  read(jobId: string, options: StreamOptions = {}): { seen: number[]; stream: JobStream; done: Promise<void> } {
    const stream = new JobStream(this.#calls, this.#world, jobId, options);
    this.#open.add(stream);
    const seen: number[] = [];
    const read = async () => {
      for await (const item of stream) seen.push(isSnapshot(item) ? -item.offset : item.offset);
    };
    return { seen, stream, done: read() };
  }

  /** Watches a conversation; what came is in `seen`. */
  watch(conversationId: string): { seen: JobsUpdate[]; done: Promise<void> } {
    const watch = new JobWatch(this.#calls, this.#world, { conversationId });
    this.#open.add(watch);
    const seen: JobsUpdate[] = [];
    const read = async () => {
      for await (const update of watch) seen.push(update);
    };
    return { seen, done: read() };
  }

  /** Ends without a word to anybody: of what it had open nothing is left. */
  crash(): void {
    if (this.dead) return;
    this.dead = true;
    for (const stream of this.#open) stream.close();
    this.#calls.close();
    this.browser.free(this);
  }

  /** Shares with the others no more, and goes on by itself. */
  partWays(): void {
    this.#calls.close();
  }

  /** Stops answering and hearing, but keeps its locks. */
  hang(): void {
    this.dead = true;
  }
}
