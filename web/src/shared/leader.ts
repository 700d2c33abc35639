/** The tab that holds the streams: makes the calls of all tabs, sharing those that are alike. */

import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";

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
import { JobLine } from "./job-line.js";
import { type LineKind, Lines, type Reader } from "./lines.js";
import { type Call, type Posted, posted } from "./posted.js";
import { WatchLine } from "./watch-line.js";

/** A call of another tab. */
interface Guest {
  readonly tab: string;
  leave(): void;
}

/** Calls for this tab by `jobs` and `watches`, for others by what they post. */
export class Leader {
  readonly jobs: Lines<StreamJobRequest, StreamJobResponse>;
  readonly watches: Lines<WatchJobsRequest, WatchJobsResponse>;
  readonly #guests = new Map<string, Guest>();

  /** `gone(tab)` resolves when that tab is closed, in whatever way. */
  constructor(
    network: Calls,
    private readonly tab: string,
    private readonly post: (message: Posted) => void,
    private readonly gone: (tab: string) => Promise<void>,
    wallClock: () => number,
  ) {
    const jobs: LineKind<StreamJobRequest, StreamJobResponse> = {
      key: ({ jobId }) => jobId,
      line: (request) => new JobLine(request),
      call: (request, options) => network.streamJob(request, options),
    };
    const watches: LineKind<WatchJobsRequest, WatchJobsResponse> = {
      key: ({ conversationId, owner }) => JSON.stringify([conversationId, owner]),
      line: (request) => new WatchLine(request),
      call: (request, options) => network.watchJobs(request, options),
    };
    this.jobs = new Lines(jobs, wallClock);
    this.watches = new Lines(watches, wallClock);
  }

  /** Takes what another tab has posted. */
  heard(message: Posted): void {
    if (message.kind === "left") this.#leave(message.id);
    if (message.kind !== "call") return;
    const { id, tab, method } = message;
    this.post({ kind: "taken", id, leader: this.tab });
    this.#watchOver(tab);
    const { jobs, watches } = this;
    if (method === "streamJob") this.#welcome(message, jobs, StreamJobRequestSchema, StreamJobResponseSchema);
    else this.#welcome(message, watches, WatchJobsRequestSchema, WatchJobsResponseSchema);
  }

  /** Lets streams go, as if their connections were lost. */
  drop(which: "all" | "overdue"): void {
    this.jobs.drop(which);
    this.watches.drop(which);
  }

  #welcome<Q extends DescMessage, R extends DescMessage>(
    { id, tab, request, silenceMs }: Call,
    lines: Lines<MessageShape<Q>, MessageShape<R>>,
    requests: Q,
    responses: R,
  ): void {
    const leader = this.tab;
    const reader: Reader<MessageShape<R>> = {
      put: (response) => this.post({ kind: "message", id, leader, response: toBinary(responses, response) }),
      end: (error) => {
        this.#guests.delete(id);
        this.post({ kind: "end", id, leader, error: error && posted(error) });
      },
    };
    this.#guests.set(id, { tab, leave: () => lines.leave(reader) });
    lines.join(fromBinary(requests, request), reader, silenceMs);
  }

  #leave(id: string): void {
    this.#guests.get(id)?.leave();
    this.#guests.delete(id);
  }

  /** Ends the calls of `tab` when it is gone. */
  #watchOver(tab: string): void {
    if ([...this.#guests.values()].some((guest) => guest.tab === tab)) return;
    void this.gone(tab).then(() => {
      for (const [id, guest] of this.#guests) if (guest.tab === tab) this.#leave(id);
    });
  }
}
