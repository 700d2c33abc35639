/** Keeps the messages of a chat what the service knows: after a load, in every tab, and when something is taken back. */

import type { UIMessage } from "ai";

import { Backoff } from "../backoff.js";
import type { Job } from "../gen/streamsvc/v1/job_pb.js";
import { hasEnded, messagesOf } from "./message.js";
import type { StreamsvcTransport } from "./transport.js";

/** The waits before another look after one that showed nothing, or not all there is. */
const PAUSES = new Backoff(1_000, 5_000);

/** What `live` needs of a chat: `useChat` gives all of it. */
export interface ChatView<M extends UIMessage> {
  readonly id: string;
  readonly setMessages: (change: (messages: M[]) => M[]) => void;
  readonly resumeStream: () => Promise<void>;
}

/**
 * Shows the conversation of a chat as the service has it, until the function that it returns is called: what was said
 * before, the answer that runs, and what another tab asks. Messages of the chat that the service does not know stay:
 * those before, and what a person said last if it could not be sent. `failed` is told why this does not work, and, without
 * an error, when it does. What failed is tried again, after a while that grows to five seconds.
 */
export function live<M extends UIMessage>(
  transport: StreamsvcTransport<M>,
  view: ChatView<M>,
  failed: (error?: unknown) => void = () => {},
): () => void {
  const chat = new LiveChat(transport, view);
  return chat.follow(failed);
}

class LiveChat<M extends UIMessage> {
  /** By job: whether it is shown to its end. */
  readonly #shown = new Map<string, boolean>();
  #loaded = false;
  #left = false;
  #looking = false;
  #again = false;
  /** How many looks in a row were in vain. */
  #vain = 0;

  constructor(
    private readonly transport: StreamsvcTransport<M>,
    private readonly view: ChatView<M>,
  ) {}

  follow(failed: (error?: unknown) => void): () => void {
    const here = this.transport.here(this.view.id);
    const look = () => void this.#look().then(() => failed(this.#conversation.getSnapshot().error), failed);
    const replaced = (message: UIMessage) => this.view.setMessages((old) => withMessage(old, message as M));
    const keeper = (here.keeper = { idle: look, replaced });
    const leave = this.#conversation.subscribe(look);
    look();
    return () => {
      this.#left = true;
      leave();
      if (here.keeper === keeper) here.keeper = undefined;
    };
  }

  get #conversation() {
    return this.transport.client.conversation(this.view.id);
  }

  /** Looks whether the service has something that is not shown. One look at a time; another one if it was called for. */
  async #look(): Promise<void> {
    this.#again = true;
    if (this.#looking) return;
    this.#looking = true;
    try {
      while (this.#again) {
        this.#again = false;
        if (this.#due()) await this.#show();
      }
    } catch (error) {
      if (!this.#left) this.#lookLater();
      throw error;
    } finally {
      this.#looking = false;
    }
  }

  #due(): boolean {
    if (this.#left || this.transport.here(this.view.id).busy) return false;
    const { jobs, caughtUp } = this.#conversation.getSnapshot();
    return caughtUp && (!this.#loaded || jobs.some((job) => this.#isNews(job)));
  }

  #isNews(job: Job): boolean {
    const shown = this.#shown.get(job.id);
    return shown === undefined || (!shown && hasEnded(job));
  }

  async #show(): Promise<void> {
    const here = this.transport.here(this.view.id);
    const states = await this.transport.history.of(this.view.id);
    // What happened meanwhile ends with another look.
    if (this.#left || here.busy) return;
    this.#loaded = true;
    for (const { job, input } of states) {
      this.#shown.set(job?.id ?? "", hasEnded(job));
      for (const { id } of input) here.answers.set(id, job?.id ?? "");
    }
    const running = states.at(-1);
    const runs = running && !hasEnded(running.job);
    const messages = messagesOf(states) as M[];
    this.view.setMessages((old) => joined(old, messages, runs ? messages.at(-1)?.id : undefined));
    if (runs) void this.view.resumeStream().finally(() => this.#leftOff(running.job?.id ?? ""));
    else this.#vain = 0;
  }

  /** Has an answer looked at again that still runs although its stream is over: it broke, or never began. */
  #leftOff(jobId: string): void {
    if (this.#left) return;
    const job = this.#conversation.getSnapshot().jobs.find(({ id }) => id === jobId);
    if (hasEnded(job)) {
      this.#vain = 0;
      return;
    }
    // One that is not among them has begun just now: the page will hear of it.
    this.#shown.delete(jobId);
    this.#lookLater();
  }

  #lookLater(): void {
    const waitMs = PAUSES.delayMs(this.#vain, Math.random);
    this.#vain += 1;
    setTimeout(() => this.transport.here(this.view.id).keeper?.idle(), waitMs);
  }
}

/** The messages with one of them changed. */
function withMessage<M extends UIMessage>(old: readonly M[], message: M): M[] {
  if (!old.some(({ id }) => id === message.id)) return [...old, message];
  return old.map((one) => (one.id === message.id ? message : one));
}

/** What the service knows, with what only the page has. The answer `running` is left to its stream if it is not shown. */
function joined<M extends UIMessage>(old: readonly M[], known: readonly M[], running: string | undefined): M[] {
  const ids = new Set(known.map(({ id }) => id));
  const first = old.findIndex(({ id }) => ids.has(id));
  const settled = old.map(({ id, role }) => role !== "user" || ids.has(id)).lastIndexOf(true);
  const unsent = old.slice(settled + 1);
  const before = old.slice(0, first < 0 ? old.length - unsent.length : first);
  const shown = known.filter(({ id }) => id !== running || old.some((message) => message.id === id));
  return [...before, ...shown, ...unsent];
}
