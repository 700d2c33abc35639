/** Tokens used, added up. */

import { create } from "@bufbuild/protobuf";

import { type Usage, type UsageEntry, UsageSchema } from "./gen/streamsvc/v1/content_pb.js";

/** The counts of a usage that have names of their own. */
export const COUNTS = [
  "inputTokens",
  "outputTokens",
  "reasoningTokens",
  "cachedInputTokens",
  "cacheWriteInputTokens",
] as const;

/** The sum of `entries`, one after the other: where it meets the limit of 32 bits depends on the order. */
export function total(entries: readonly UsageEntry[]): Usage {
  const sum = create(UsageSchema);
  const details = new Map<string, number>();
  for (const { usage } of entries) {
    for (const count of COUNTS) sum[count] = int32(sum[count] + (usage?.[count] ?? 0));
    for (const [name, count] of Object.entries(usage?.details ?? {})) {
      details.set(name, int32((details.get(name) ?? 0) + count));
    }
  }
  sum.details = Object.fromEntries(details);
  return sum;
}

function int32(sum: number): number {
  return Math.max(-(2 ** 31), Math.min(sum, 2 ** 31 - 1));
}
