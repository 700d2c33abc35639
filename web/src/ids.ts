/** Ids that nobody else has. */

/** Returns 32 random hexadecimal characters. Not crypto.randomUUID, which plain HTTP pages do not have. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
