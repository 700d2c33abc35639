/** Waiting for what is to come about. */

import { vi } from "vitest";

/** Waits until `expectation` holds; as long as a machine with much else to do may take. */
export function eventually<T>(expectation: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(expectation, { timeout: 10_000, interval: 5 });
}
