/** The client: start generations, follow them, ask for their state, stop them. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";

import type { Calls } from "./calls.js";
import { ConversationStore } from "./conversation-store.js";
import type { Job, JobStatus } from "./gen/streamsvc/v1/job_pb.js";
import { StartGenerationRequestSchema } from "./gen/streamsvc/v1/job_service_pb.js";
import { type JobState, JobStateSchema } from "./gen/streamsvc/v1/state_pb.js";
import { newId } from "./ids.js";
import { JobStore } from "./job-store.js";
import { Links } from "./links.js";
import { Network } from "./network.js";
import { type ClientOptions, patienceOf } from "./options.js";
import { pageHere } from "./page.js";
import type { World } from "./resumption.js";
import { CHANCE } from "./retries.js";
import { type SharedCalls, shared } from "./shared/tabs.js";
import type { Store } from "./store.js";
import { JobStream, type StreamOptions } from "./stream.js";
import { grpcWebTransport } from "./transport.js";
import { JobWatch, type WatchOptions } from "./watch.js";

/** What to generate: a StartGenerationRequest. */
export type StartRequest = MessageInitShape<typeof StartGenerationRequestSchema>;

/** What people have decided: an InputAnswer a question. */
export type Answers = Exclude<StartRequest["answers"], undefined>;

/** Which jobs to list: those of a conversation, those that have one of these statuses. */
export interface JobFilter {
  readonly conversationId?: string;
  readonly statuses?: readonly JobStatus[];
}

/**
 * A client of one service, at one or several base URLs (instances of it, or ways to it).
 *
 * Every call is safe to repeat and is repeated: after a broken connection, at another base URL if there are several.
 *
 *     const client = new StreamsvcClient("https://chat.example.com");
 *     const job = await client.start("Why is the sky blue?");
 *     for await (const event of client.stream(job.id)) console.log(event);
 *
 * Calls throw StreamsvcError by its reason, UNREACHABLE if nothing answers in time.
 */
export class StreamsvcClient {
  readonly #network: Network;
  readonly #tabs: SharedCalls | undefined;
  readonly #calls: Calls;
  readonly #world: World;
  readonly #jobs = new Map<string, JobStore>();
  readonly #conversations = new Map<string, ConversationStore>();

  /** `world` is there for tests. */
  constructor(baseUrls: string | readonly string[], options: ClientOptions = {}, world: Partial<World> = {}) {
    const urls = [baseUrls].flat();
    if (urls.length === 0) throw new Error("a client needs at least one base URL, such as https://chat.example.com");
    const surroundings = { patience: patienceOf(options), chance: CHANCE, page: pageHere(), wallClock: Date.now };
    this.#world = { ...surroundings, ...world };
    const transport = options.transport ?? grpcWebTransport;
    this.#network = new Network(new Links(urls, transport, options.token), this.#world.patience, this.#world.chance);
    this.#tabs = shared(this.#network, urls, options, this.#world);
    this.#calls = this.#tabs ?? this.#network;
  }

  /** Leaves the tabs that streams are shared with. Jobs go on; streams end with whoever reads them. */
  close(): void {
    this.#tabs?.close();
  }

  /** Starts a generation that answers a prompt or a request, and returns its job at once. */
  async start(request: string | StartRequest): Promise<Job> {
    const asked = typeof request === "string" ? { prompt: request } : request;
    const named = create(StartGenerationRequestSchema, asked);
    const whole = { ...named, requestId: named.requestId || newId() };
    const { job } = await this.#network.once((link, how) => link.startGeneration(whole, how));
    return there(job);
  }

  /**
   * Answers the questions of a job that ended for them, all together, and returns the job that goes on. Throws
   * INPUT_ANSWERED if others were first: `answeredIn` names their job. `requestId`: to repeat a call that failed.
   */
  async answer(previousJobId: string, answers: Answers, requestId = ""): Promise<Job> {
    return this.start({ previousJobId, answers, requestId });
  }

  /** Follows a job to its final event, however often the connection breaks. */
  stream(jobId: string, options: StreamOptions = {}): JobStream {
    return new JobStream(this.#calls, this.#world, jobId, options);
  }

  /** Goes on from a state that `JobStream.state` gave, in this page or in another one. */
  resume(state: JobState): JobStream {
    return this.stream(there(state.job).id, { state });
  }

  /** The job as a store to subscribe to; one store for all who show it. */
  job(jobId: string): JobStore {
    return kept(this.#jobs, jobId, (used) => new JobStore((options) => this.stream(jobId, options), used));
  }

  /** The running jobs of a conversation as a store to subscribe to, also those started in another tab. */
  conversation(conversationId: string): ConversationStore {
    const watch = (changed: () => void) => this.watchJobs({ conversationId, changed });
    return kept(this.#conversations, conversationId, (used) => new ConversationStore(watch, used));
  }

  /** Hears of each job that starts, changes or ends. */
  watchJobs(options: WatchOptions = {}): JobWatch {
    return new JobWatch(this.#calls, this.#world, options);
  }

  /** Iterates over the caller's jobs, newest first, page by page. */
  async *jobs({ conversationId = "", statuses = [] }: JobFilter = {}): AsyncGenerator<Job, void, void> {
    let pageToken = "";
    do {
      const request = { conversationId, statuses: [...statuses], pageToken };
      const page = await this.#network.once((link, how) => link.listJobs(request, how));
      yield* page.jobs;
      pageToken = page.nextPageToken;
    } while (pageToken);
  }

  /** A job with everything that it has said so far. */
  async getState(jobId: string): Promise<JobState> {
    const { state } = await this.#network.once((link, how) => link.getJobState({ jobId }, how));
    return state ?? create(JobStateSchema);
  }

  /** Asks a job to stop. Its final event tells when it did; one that has ended stays as it is. */
  async cancel(jobId: string, reason = ""): Promise<Job> {
    const { job } = await this.#network.once((link, how) => link.cancelJob({ jobId, reason }, how));
    return there(job);
  }

  /** Deletes a job with everything it said, also while it runs. */
  async delete(jobId: string): Promise<void> {
    await this.#network.once((link, how) => link.deleteJob({ jobId }, how));
  }
}

function there(job: Job | undefined): Job {
  if (!job) throw new Error("there is no job in it");
  return job;
}

/** The store under `key`, made where there is none, and kept as long as it is used. */
function kept<S extends Store<unknown>>(
  stores: Map<string, S>,
  key: string,
  make: (used: (inUse: boolean) => void) => S,
): S {
  const found = stores.get(key);
  if (found) return found;
  const store: S = make((inUse) => (inUse ? stores.set(key, store) : stores.delete(key)));
  stores.set(key, store);
  return store;
}
