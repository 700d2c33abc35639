/** The real service, at the address that tests/e2e/test_web_client.py gives. */

import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

import { Backoff } from "../../src/backoff.js";
import { type StartRequest, StreamsvcClient } from "../../src/client.js";
import type { JobState } from "../../src/index.js";

function address(name: string): string {
  const given = process.env[name];
  if (!given) throw new Error(`${name} is not set: these tests are run by tests/e2e/test_web_client.py`);
  return `http://${given}`;
}

/** The service itself, and the way to it on which connections are cut. */
export const DIRECT = address("SERVICE_ADDRESS");
export const CUT = address("CUT_ADDRESS");

/** A client over gRPC: each connection is one of its own. */
export function clientOf(baseUrl: string): StreamsvcClient {
  const transport = (url: string): Transport => createGrpcTransport({ baseUrl: url });
  return new StreamsvcClient(baseUrl, { transport, heartbeatIntervalMs: 1_000, backoff: new Backoff(50, 400) });
}

/** What the scripted producer is to say: so many words, so many of them a second. */
export function script(tokens: number, rate: number, more: object = {}): StartRequest & { readonly $typeName?: never } {
  const extraJson = JSON.stringify({ tokens, rate, pattern: "count", ...more });
  return { prompt: "Count.", producer: "scripted", parameters: { extraJson } };
}

/** The text of all text parts. */
export function answer({ parts }: JobState): string {
  return parts.map(({ kind }) => (kind.case === "text" ? kind.value.text : "")).join("");
}

/** What a script of so many words says. */
export function count(tokens: number): string {
  return Array.from({ length: tokens }, (_, i) => `${i} `).join("");
}
