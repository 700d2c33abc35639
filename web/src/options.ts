/** What can be set about a client. */

import type { Transport } from "@connectrpc/connect";

import { Backoff } from "./backoff.js";

/** What a client needs to know; every field has a default. */
export interface ClientOptions {
  /** The longest silence asked for. A stream that is silent for two of them is taken for broken. */
  readonly heartbeatIntervalMs?: number;
  /** How long a stream goes on trying when nothing comes. */
  readonly giveUpAfterMs?: number;
  /** How long a call with one answer may take, all attempts together. */
  readonly callTimeoutMs?: number;
  /** The waits between attempts. */
  readonly backoff?: Backoff;
  /** Asked for the token that calls carry, such as a JWT, and again, once, when the service refuses it. */
  readonly token?: () => string | Promise<string>;
  /**
   * Makes the connection to one of the base URLs; gRPC-Web over `fetch` by default. Called again after each failure.
   * `spare`: the usual one fell silent, and a browser would go on using it for calls with the same `credentials`.
   */
  readonly transport?: (baseUrl: string, spare: boolean) => Transport;
  /**
   * Whether the tabs of this origin share their streams, for a browser opens six connections to a host over HTTP/1.1.
   * "auto": over plain HTTP, where the tabs are known to have one caller: no token, or an `identity`.
   */
  readonly shareAcrossTabs?: boolean | "auto";
  /** Whose token it is. Only tabs of the same identity share streams. */
  readonly identity?: string;
}

/** How patient a client is, in ms. */
export interface Patience {
  readonly heartbeatIntervalMs: number;
  readonly giveUpAfterMs: number;
  readonly callTimeoutMs: number;
  readonly backoff: Backoff;
  /** Whether there is another token to ask for. */
  readonly renewsTokens: boolean;
}

/** The patience that `options` ask for. */
export function patienceOf(options: ClientOptions): Patience {
  return {
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? 15_000,
    giveUpAfterMs: options.giveUpAfterMs ?? 300_000,
    callTimeoutMs: options.callTimeoutMs ?? 15_000,
    backoff: options.backoff ?? new Backoff(),
    renewsTokens: options.token !== undefined,
  };
}
