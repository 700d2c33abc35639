/** Connections to the base URLs, with the caller's token: one in use, another one after a failure. */

import type { Client, Transport } from "@connectrpc/connect";
import { Code, createClient } from "@connectrpc/connect";

import { fromService, isResumable, type StreamsvcError, unreachable } from "./errors.js";
import { JobService } from "./gen/streamsvc/v1/job_service_pb.js";

/**
 * The service over one connection. A browser keeps two pools of them for each origin, for requests with cookies and for
 * those without (Fetch Standard, "obtain a connection"): what hangs in the one leaves the other as it is. `spare`: it is
 * of the pool that is used only after a silence in the usual one.
 */
export interface Link {
  readonly service: Client<typeof JobService>;
  readonly spare: boolean;
}

/**
 * Hands out the link in use; `failed` moves on to a new one, of the next base URL if there are several. After a silence
 * that is of the other pool: a browser would send the next call over the same connection, which is as silent.
 */
export class Links {
  #turn = 0;
  #spare = false;
  #link: Link | undefined;
  #token = "";

  /** `baseUrls` holds at least one. Without `askToken` calls carry no token. */
  constructor(
    private readonly baseUrls: readonly string[],
    private readonly transport: (baseUrl: string, spare: boolean) => Transport,
    private readonly askToken: (() => string | Promise<string>) | undefined,
  ) {}

  /** The link for the next call. */
  use(): Link {
    const baseUrl = this.baseUrls[this.#turn % this.baseUrls.length] as string;
    const spare = this.#spare;
    this.#link ??= { service: createClient(JobService, this.transport(baseUrl, spare)), spare };
    return this.#link;
  }

  /** The headers of the next call. A token is kept until the service refuses it. */
  async headers(): Promise<Record<string, string>> {
    if (!this.askToken) return {};
    this.#token ||= await this.askToken();
    return { authorization: `Bearer ${this.#token}` };
  }

  /**
   * Takes note that a call on `link` failed. If another attempt may help, it uses another link. Returns the error as it
   * is to be taken: what something on the way refuses over the spare pool may lack no more than a cookie.
   */
  failed(link: Link, error: StreamsvcError): StreamsvcError {
    if (error.reason === "TOKEN_INVALID") this.#token = "";
    const final = !isResumable(error);
    if (final && (!link.spare || fromService(error))) return error;
    this.#leave(link, unanswered(error));
    return final ? unreachable(error.message) : error;
  }

  /** Takes note that the connection of `link` may be dead: the next call uses another one. */
  doubt(link: Link): void {
    this.#leave(link, true);
  }

  #leave(link: Link, doubtful: boolean): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#turn += 1;
    this.#spare = doubtful && !link.spare;
    if (!doubtful) return;
    setTimeout(() => void link.service.listJobs({ pageSize: 1 }, { timeoutMs: 1_000 }).catch(() => {}), SWEEP_AFTER_MS);
  }
}

/**
 * When a pool that was left is called once more, whatever comes of it. Chromium asks a connection for a sign of life only
 * when a call is sent over it after 10 s of silence, and without one closes it: so it is gone when the pool is needed.
 */
const SWEEP_AFTER_MS = 10_000;

/** Whether nobody said anything, not even that the connection is lost. */
function unanswered(error: StreamsvcError): boolean {
  return error.reason === "SILENT" || (error.code === Code.DeadlineExceeded && !fromService(error));
}
