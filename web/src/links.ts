/** Connections to the base URLs, with the caller's token: one in use, another one after a failure. */

import type { Client, Transport } from "@connectrpc/connect";
import { createClient } from "@connectrpc/connect";

import { isResumable, type StreamsvcError } from "./errors.js";
import { JobService } from "./gen/streamsvc/v1/job_service_pb.js";

/** The service over one connection. */
export type Link = Client<typeof JobService>;

/** Hands out the link in use; `failed` moves on to a new one, of the next base URL if there are several. */
export class Links {
  #turn = 0;
  #link: Link | undefined;
  #token = "";

  /** `baseUrls` holds at least one. Without `askToken` calls carry no token. */
  constructor(
    private readonly baseUrls: readonly string[],
    private readonly transport: (baseUrl: string) => Transport,
    private readonly askToken: (() => string | Promise<string>) | undefined,
  ) {}

  /** The link for the next call. */
  use(): Link {
    this.#link ??= createClient(JobService, this.transport(this.baseUrls[this.#turn % this.baseUrls.length] as string));
    return this.#link;
  }

  /** The headers of the next call. A token is kept until the service refuses it. */
  async headers(): Promise<Record<string, string>> {
    if (!this.askToken) return {};
    this.#token ||= await this.askToken();
    return { authorization: `Bearer ${this.#token}` };
  }

  /** Takes note that a call on `link` failed. If another attempt may help, it uses another link. */
  failed(link: Link, error: StreamsvcError): void {
    if (error.reason === "TOKEN_INVALID") this.#token = "";
    if (!isResumable(error) || this.#link !== link) return;
    this.#link = undefined;
    this.#turn += 1;
  }
}
