/** Locks that tabs have among each other: the browser's own, or the like of them where a page is denied those. */

/** The part of the Web Locks API that is used. */
export interface Locks {
  request(
    name: string,
    options: { readonly ifAvailable?: boolean; readonly signal?: AbortSignal },
    held: (lock: unknown) => Promise<void>,
  ): Promise<unknown>;
}

/** "asks": who holds it? "holds": I do, or I have asked before you. "freed": nobody does now. */
export interface AboutLock {
  readonly kind: "asks" | "holds" | "freed";
  readonly name: string;
  readonly tab: string;
}

/** Where tabs speak of locks: a BroadcastChannel, or what is like one. */
export interface LockChannel {
  postMessage(message: AboutLock): void;
  addEventListener(type: "message", listener: (event: MessageEvent<AboutLock>) => void): void;
  removeEventListener(type: "message", listener: (event: MessageEvent<AboutLock>) => void): void;
}

/**
 * Locks by asking around, for pages over plain HTTP, which have no Web Locks unless they are local.
 *
 * A tab that gets no answer for `answerMs` has the lock; of several that ask, the one whose id comes first. A tab that
 * was frozen can so lose a lock without knowing it, and two can hold one for a moment: whoever uses these locks must be
 * right without them.
 */
export class ChannelLocks implements Locks {
  /** Locks of this tab, until each is freed. */
  readonly #held = new Map<string, Promise<void>>();
  readonly #asked = new Set<string>();

  constructor(
    private readonly channel: LockChannel,
    private readonly tab: string,
    private readonly answerMs = 300,
    private readonly askAgainMs = 5_000,
  ) {
    channel.addEventListener("message", ({ data }) => this.#answer(data));
  }

  async request(...[name, { ifAvailable, signal }, held]: Parameters<Locks["request"]>): Promise<unknown> {
    while (!(await this.#isFree(name))) {
      if (ifAvailable) return held(null);
      const freed = (about: AboutLock) => about.kind === "freed" && about.name === name;
      await (this.#held.get(name) ?? this.#hears(freed, this.askAgainMs, signal));
      signal?.throwIfAborted();
    }
    signal?.throwIfAborted();
    const over = held({ name }).finally(() => {
      this.#held.delete(name);
      this.#say("freed", name);
    });
    this.#held.set(name, over);
    return over;
  }

  async #isFree(name: string): Promise<boolean> {
    if (this.#held.has(name)) return false;
    this.#asked.add(name);
    this.#say("asks", name);
    const forbids = (about: AboutLock) => about.name === name && (about.kind === "holds" || this.#yields(about));
    const heard = await this.#hears(forbids, this.answerMs);
    this.#asked.delete(name);
    return !heard;
  }

  #answer(about: AboutLock): void {
    if (about.kind !== "asks") return;
    const mine = this.#held.has(about.name) || (this.#asked.has(about.name) && !this.#yields(about));
    if (mine) this.#say("holds", about.name);
  }

  #yields({ kind, tab }: AboutLock): boolean {
    return kind === "asks" && tab < this.tab;
  }

  #say(kind: AboutLock["kind"], name: string): void {
    this.channel.postMessage({ kind, name, tab: this.tab });
  }

  /** Whether a message that is `awaited` comes within `ms`. */
  #hears(awaited: (about: AboutLock) => boolean, ms: number, signal?: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const over = (heard: boolean) => {
        clearTimeout(timer);
        this.channel.removeEventListener("message", listen);
        resolve(heard);
      };
      const listen = ({ data }: MessageEvent<AboutLock>) => {
        if (awaited(data)) over(true);
      };
      const timer = setTimeout(() => over(false), ms);
      this.channel.addEventListener("message", listen);
      signal?.addEventListener("abort", () => over(false));
    });
  }
}
