/** The golden files that all languages share (tests/golden/README.md). */

import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

import type { JsonValue } from "@bufbuild/protobuf";

const GOLDEN = new URL("../../../tests/golden/", import.meta.url);

export interface FoldCase {
  readonly name: string;
  readonly rule: string;
  readonly begin: string;
  readonly frames: readonly string[];
  readonly state: string;
}

export interface Story {
  readonly frames: readonly string[];
  /** By offset. */
  readonly states: Readonly<Record<string, string>>;
}

export interface WireCase {
  readonly name: string;
  readonly hex: string;
  readonly json: JsonValue;
}

function read(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, GOLDEN), "utf8"));
}

export const FOLD_CASES: readonly FoldCase[] = readdirSync(new URL("fold/", GOLDEN))
  .filter((name) => name.endsWith(".json"))
  .map((name) => ({ ...(read(`fold/${name}`) as FoldCase), name }));

export const WIRE_CASES: readonly WireCase[] = read("wire.json") as WireCase[];

/** The long answer of all kinds of events. */
export function story(): Story {
  return JSON.parse(gunzipSync(readFileSync(new URL("story.json.gz", GOLDEN))).toString()) as Story;
}

/** Bytes of a string of hexadecimal digits. */
export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}
