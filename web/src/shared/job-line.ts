/** A StreamJob call that several readers share. */

import { create } from "@bufbuild/protobuf";

import type { Event } from "../gen/streamsvc/v1/event_pb.js";
import {
  CatchUpMode,
  type StreamJobRequest,
  StreamJobRequestSchema,
  type StreamJobResponse,
  StreamJobResponseSchema,
} from "../gen/streamsvc/v1/job_service_pb.js";
import type { Line } from "./line.js";

/** How many events are kept for readers that join; each reader that has those before can. */
const WINDOW = 4096;

/**
 * Keeps the newest events. A reader can join with a cursor of the present epoch from which these events go on: then they
 * are what the service would have sent it. One with another cursor needs a call of its own, until it has caught up.
 */
export class JobLine implements Line<StreamJobRequest, StreamJobResponse> {
  #events: Event[] = [];
  #epoch = "";
  #offset: number;
  #lastOffset = 0;
  #closed = false;
  #begun = false;
  /** Whether the readers' states are known to be at `#offset`: not before the first epoch, nor amid a snapshot. */
  #placed = false;

  constructor(private readonly request: StreamJobRequest) {
    this.#offset = request.afterOffset;
  }

  accepts(request: StreamJobRequest): boolean {
    if (!this.#begun) return sameStart(request, this.request);
    if (!this.#placed || (request.catchUp !== CatchUpMode.REPLAY && request.afterOffset === 0)) return false;
    if (request.epoch !== this.#epoch && request.afterOffset > 0) return false;
    return this.#begin <= request.afterOffset && request.afterOffset <= this.#offset;
  }

  opening({ afterOffset }: StreamJobRequest): StreamJobResponse | undefined {
    if (!this.#begun) return undefined;
    const events = this.#events.slice(afterOffset - this.#begin);
    const told = { epoch: this.#epoch, lastOffset: this.#lastOffset, closed: this.#closed };
    return { ...create(StreamJobResponseSchema, told), events };
  }

  take({ events, snapshot, snapshotContinues, epoch, lastOffset, closed }: StreamJobResponse): void {
    this.#begun = true;
    const skipped = this.request.catchUp === CatchUpMode.SKIP && this.#epoch === "" && epoch !== "";
    if (snapshot) {
      this.#events = [];
      // Only its first slice says the offset.
      this.#offset = snapshot.offset || this.#offset;
      this.#placed = false;
    }
    for (const event of events) {
      if (event.offset === this.#offset + 1) this.#events.push(event);
      this.#offset = Math.max(this.#offset, event.offset);
    }
    if (this.#events.length > 2 * WINDOW) this.#events = this.#events.slice(-WINDOW);
    this.#epoch = epoch || this.#epoch;
    if (skipped) this.#offset = lastOffset;
    if (epoch && !snapshotContinues) this.#placed = true;
    this.#lastOffset = lastOffset || this.#lastOffset;
    this.#closed ||= closed;
  }

  place(): StreamJobRequest | undefined {
    if (!this.#placed) return undefined;
    const cursor = { epoch: this.#epoch, afterOffset: this.#offset, catchUp: CatchUpMode.REPLAY };
    return create(StreamJobRequestSchema, { jobId: this.request.jobId, ...cursor });
  }

  finished(): boolean {
    return this.#closed && this.#offset >= this.#lastOffset;
  }

  /** The offset before the first event that is kept. */
  get #begin(): number {
    return this.#offset - this.#events.length;
  }
}

function sameStart(a: StreamJobRequest, b: StreamJobRequest): boolean {
  return a.afterOffset === b.afterOffset && a.epoch === b.epoch && a.catchUp === b.catchUp;
}
