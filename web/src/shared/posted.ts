/** What tabs say to each other. Messages of the service travel as bytes, since tabs may be of different versions. */

import type { Code } from "@connectrpc/connect";

import { type Reason, StreamsvcError, type Violation } from "../errors.js";

/** The calls that can be made through another tab. */
export type Method = "streamJob" | "watchJobs";

/** An error, as plain data. */
export interface PostedError {
  readonly reason: Reason;
  readonly code: Code;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly Violation[];
  readonly retryAfterMs: number | undefined;
}

/** A call that a tab makes through the leader; `id` names it, `tab` the tab. */
export interface Call {
  readonly kind: "call";
  readonly id: string;
  readonly tab: string;
  readonly method: Method;
  readonly request: Uint8Array;
  readonly silenceMs: number;
}

/**
 * "leads": there is a new leader, calls of before are void. "call" and "left" are for the leader, the others come from
 * it: "taken" as soon as it has the call, then "message" until "end". `leader` is its tab.
 */
export type Posted =
  | { readonly kind: "leads"; readonly leader: string }
  | Call
  | { readonly kind: "left"; readonly id: string }
  | { readonly kind: "taken"; readonly id: string; readonly leader: string }
  | { readonly kind: "message"; readonly id: string; readonly leader: string; readonly response: Uint8Array }
  | { readonly kind: "end"; readonly id: string; readonly leader: string; readonly error: PostedError | undefined };

/** Where tabs hear each other: a BroadcastChannel, or what is like one. */
export interface Channel {
  postMessage(message: Posted): void;
  addEventListener(type: "message", listener: (event: MessageEvent<Posted>) => void): void;
  close(): void;
}

/** `error` as plain data. */
export function posted(error: StreamsvcError): PostedError {
  const { reason, code, message, metadata, violations, retryAfterMs } = error;
  return { reason, code, message, metadata, violations, retryAfterMs };
}

/** The error that was posted. */
export function received({ reason, code, message, ...facts }: PostedError): StreamsvcError {
  return new StreamsvcError(reason, code, message, facts);
}
