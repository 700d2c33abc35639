/** The golden files that all languages share (tests/golden/README.md). */

import { readdirSync, readFileSync } from "node:fs";

import type { JsonValue } from "@bufbuild/protobuf";

const GOLDEN = new URL("../../../tests/golden/", import.meta.url);

export interface FoldCase {
  readonly name: string;
  readonly rule: string;
  readonly begin: string;
  readonly frames: readonly string[];
  readonly state: string;
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

/** Bytes of a string of hexadecimal digits. */
export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}
