/** The real service behind a real Envoy, as tests/e2e/test_web_client.py runs them. */

import { Backoff } from "../../src/backoff.js";
import { type StartRequest, StreamsvcClient } from "../../src/client.js";
import type { JobState } from "../../src/index.js";
import { CHANCE } from "../../src/retries.js";

/** What the environment has under `name`. */
export function given(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: these tests are run by tests/e2e/test_web_client.py`);
  return value;
}

/** A client as pages have it, of what answers at `address` (HOST:PORT); the waits between its attempts are short. */
export function clientOf(address: string, random = CHANCE.random): StreamsvcClient {
  const options = { heartbeatIntervalMs: 1_000, backoff: new Backoff(50, 400) };
  return new StreamsvcClient(`http://${address}`, options, { chance: { ...CHANCE, random } });
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
