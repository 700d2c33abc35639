/** What a person is told when a call failed. */

import { StreamsvcError } from "@streamsvc/client";

const SENTENCES: Record<string, string> = {
  UNREACHABLE: "The service does not answer. Try again in a moment.",
  SILENT: "The service does not answer. Try again in a moment.",
  STORE_UNAVAILABLE: "The service cannot keep anything new just now. Try again in a moment.",
  SERVER_DRAINING: "The service is being restarted. Try again in a moment.",
  OVERLOADED: "The service has too much to do. Try again in a moment.",
  QUOTA_EXCEEDED: "You have asked for more than you may just now. Try again later.",
  CONVERSATION_BUSY: "This conversation already has an answer under way.",
  TOKEN_MISSING: "Sign in to go on.",
  TOKEN_INVALID: "Sign in again to go on.",
  JOB_NOT_FOUND: "This answer is not there any more.",
};

/** A sentence for what `error` is; the service's own words where this page has none. */
export function inWords(error: unknown): string {
  const said = error instanceof StreamsvcError && SENTENCES[error.reason];
  return said || (error instanceof Error ? error.message : String(error));
}
