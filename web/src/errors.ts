/** What can go wrong in a call: one class, told apart by its reason. */

import { Code } from "@connectrpc/connect";

/** The service's reasons; docs/errors.md says what each means and what to do. */
export const REASONS = [
  "FIELD_INVALID",
  "EVENT_INVALID",
  "PRODUCER_UNKNOWN",
  "MODEL_UNKNOWN",
  "TOKEN_MISSING",
  "TOKEN_INVALID",
  "SCOPE_MISSING",
  "JOB_NOT_FOUND",
  "REQUEST_ID_REUSED",
  "CONVERSATION_BUSY",
  "INPUT_ANSWERED",
  "STATE_TOO_LARGE",
  "LEASE_HELD",
  "LEASE_LOST",
  "LOG_CLOSED",
  "OFFSET_MISMATCH",
  "QUOTA_EXCEEDED",
  "OVERLOADED",
  "STORE_UNAVAILABLE",
  "SERVER_DRAINING",
  "READER_STALLED",
  "LOG_CORRUPT",
  "INTERNAL",
] as const;

/**
 * Why a call failed: a reason of the service, or one of this client's own.
 *
 * UNREACHABLE: the service cannot be reached, or something on the way answered in its place. SILENT: nothing came for
 * two heartbeats. GAVE_UP: so for longer than `giveUpAfterMs`; `cause` is the last attempt's error.
 */
export type Reason = (typeof REASONS)[number] | "UNREACHABLE" | "SILENT" | "GAVE_UP" | (string & {});

/** A field that broke a rule: its path, such as `messages[0].parts`, and the rule in words. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** What an error says beside its message; see `StreamsvcError`. */
export interface ErrorFacts {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly Violation[];
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/**
 * A failed call.
 *
 * `code` is gRPC's, `message` one sentence for a developer, `metadata` the values in it, `violations` the fields that
 * were wrong, `retryAfterMs` how long to wait before the next attempt where the service knows.
 */
export class StreamsvcError extends Error {
  override readonly name = "StreamsvcError";
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly Violation[];
  readonly retryAfterMs: number | undefined;

  constructor(
    readonly reason: Reason,
    readonly code: Code,
    message: string,
    facts: ErrorFacts = {},
  ) {
    super(message, { cause: facts.cause });
    this.metadata = facts.metadata ?? {};
    this.violations = facts.violations ?? [];
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** The error of a call that broke on the way. */
export function unreachable(message: string, code = Code.Unavailable): StreamsvcError {
  return new StreamsvcError("UNREACHABLE", code, message);
}

/** The job that has the first answer, if `error` says that a question has its answer already. */
export function answeredIn(error: unknown): string | undefined {
  if (!(error instanceof StreamsvcError) || error.reason !== "INPUT_ANSWERED") return undefined;
  return error.metadata["job_id"];
}

const ON_THE_WAY = [Code.Unavailable, Code.Unknown, Code.Internal, Code.Canceled, Code.DeadlineExceeded];

/** Whether another attempt may get further. */
export function isResumable(error: StreamsvcError): boolean {
  if (error.code === Code.Unavailable || error.code === Code.ResourceExhausted) return error.reason !== "GAVE_UP";
  return !fromService(error) && ON_THE_WAY.includes(error.code);
}

/** Whether the service itself said it, and not something on the way to it. */
export function fromService(error: StreamsvcError): boolean {
  return !["UNREACHABLE", "SILENT", "GAVE_UP"].includes(error.reason);
}
