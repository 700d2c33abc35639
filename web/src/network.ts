/** Calls over the network. */

import type { CallOptions } from "@connectrpc/connect";

import { audible, type ReadOptions } from "./audible.js";
import type { Calls } from "./calls.js";
import { Interrupted } from "./attention.js";
import { errorOf } from "./details.js";
import type {
  StreamJobRequest,
  StreamJobResponse,
  WatchJobsRequest,
  WatchJobsResponse,
} from "./gen/streamsvc/v1/job_service_pb.js";
import type { Link, Links } from "./links.js";
import type { Patience } from "./options.js";
import { type Chance, Retries } from "./retries.js";

/** Calls on the link in use; one that fails moves on to another. */
export class Network implements Calls {
  constructor(
    private readonly links: Links,
    private readonly patience: Patience,
    private readonly chance: Chance,
  ) {}

  streamJob(request: StreamJobRequest, options: ReadOptions): AsyncIterable<StreamJobResponse> {
    return this.#read((service, how) => service.streamJob(request, how), options);
  }

  watchJobs(request: WatchJobsRequest, options: ReadOptions): AsyncIterable<WatchJobsResponse> {
    return this.#read((service, how) => service.watchJobs(request, how), options);
  }

  /** Makes a call that may be repeated until it has an answer. Throws StreamsvcError. */
  async once<T>(call: (service: Link["service"], how: CallOptions) => Promise<T>): Promise<T> {
    const deadline = this.chance.now() + this.patience.callTimeoutMs;
    const retries = new Retries(this.patience, this.chance);
    for (;;) {
      const link = this.links.use();
      try {
        // Half of the time: over a connection that is half open, a second attempt must still be possible.
        const leftMs = Math.min(deadline - this.chance.now(), this.patience.callTimeoutMs / 2);
        return await call(link.service, {
          timeoutMs: Math.max(1, Math.ceil(leftMs)),
          headers: await this.links.headers(),
        });
      } catch (thrown) {
        const error = this.links.failed(link, errorOf(thrown));
        const waitMs = retries.waitMs(error);
        if (this.chance.now() + waitMs >= deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }

  async *#read<T>(
    call: (service: Link["service"], how: CallOptions) => AsyncIterable<T>,
    options: ReadOptions,
  ): AsyncGenerator<T> {
    const link = this.links.use();
    try {
      const headers = await this.links.headers();
      yield* audible((signal) => call(link.service, { headers, signal }), options);
    } catch (thrown) {
      const reason: unknown = options.signal.reason;
      if (reason instanceof Interrupted && reason.doubtful) this.links.doubt(link);
      if (options.signal.aborted) throw reason;
      throw this.links.failed(link, errorOf(thrown));
    }
  }
}
