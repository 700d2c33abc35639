/** What a transport threw, as an error with a reason. */

import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";

import { StreamsvcError, unreachable } from "./errors.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";

const DOMAIN = "streamsvc";

/** What the library says where no server did: of a connection that was reset, and of a message that broke off. */
const BROKEN_OFF = [Code.Aborted, Code.InvalidArgument];

/**
 * The error that `thrown` stands for: by the service's ErrorInfo if it has one, else UNREACHABLE. Throws what is no
 * failed call on: a bug, in this package or in the page.
 */
export function errorOf(thrown: unknown): StreamsvcError {
  if (thrown instanceof StreamsvcError) return thrown;
  if (!(thrown instanceof ConnectError)) throw thrown;
  const info = thrown.findDetails(ErrorInfoSchema).find(({ domain }) => domain === DOMAIN);
  if (!info) return unreachable(thrown.rawMessage, brokenOff(thrown) ? Code.Unavailable : thrown.code);
  const delay = thrown.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const wrong = thrown.findDetails(BadRequestSchema).flatMap((bad) => bad.fieldViolations);
  return new StreamsvcError(info.reason, thrown.code, thrown.rawMessage, {
    metadata: info.metadata,
    violations: wrong.map(({ field, description }) => ({ field, description })),
    retryAfterMs: delay && durationMs(delay),
  });
}

function brokenOff({ code, metadata }: ConnectError): boolean {
  return BROKEN_OFF.includes(code) && !metadata.has("grpc-status");
}
