/** A service that does on purpose, one call after the other, what the real one does seldom. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createRouterTransport, type Transport } from "@connectrpc/connect";

import { Backoff } from "../../src/backoff.js";
import { StreamsvcClient } from "../../src/client.js";
import { ErrorInfoSchema, RetryInfoSchema } from "../../src/gen/google/rpc/error_details_pb.js";
import {
  JobService,
  type StreamJobRequest,
  type StreamJobResponse,
  type StreamJobResponseSchema,
} from "../../src/gen/streamsvc/v1/job_service_pb.js";
import type { ClientOptions } from "../../src/options.js";
import type { World } from "../../src/resumption.js";

export type Message = Exclude<MessageInitShape<typeof StreamJobResponseSchema>, StreamJobResponse>;
/** One call of StreamJob. */
export type Script = (request: StreamJobRequest, signal: AbortSignal) => AsyncIterable<Message>;

/** The calls that a service got. */
export class Calls {
  readonly requests: StreamJobRequest[] = [];
  readonly tokens: (string | null)[] = [];
  /** The base URLs of connections, in the order in which they were made. */
  readonly connections: string[] = [];
  /** Those that have not ended, from either side. */
  readonly open = new Set<StreamJobRequest>();

  /** (epoch, offset, catch-up) of each. */
  get asked() {
    return this.requests.map(({ epoch, afterOffset, catchUp }) => [epoch, afterOffset, catchUp]);
  }
}

/** A transport to a service that answers each call of StreamJob by the next script, and the calls that it got. */
export function scripted(...scripts: Script[]): { transport: (baseUrl: string) => Transport; calls: Calls } {
  const calls = new Calls();
  const service = {
    async *streamJob(request: StreamJobRequest, { signal, requestHeader }: Context) {
      calls.requests.push(request);
      calls.tokens.push(requestHeader.get("authorization"));
      const script = scripts[calls.requests.length - 1];
      if (!script) throw new ConnectError("no more scripts", Code.Unimplemented);
      calls.open.add(request);
      signal.addEventListener("abort", () => calls.open.delete(request));
      try {
        yield* script(request, signal);
      } finally {
        calls.open.delete(request);
      }
    },
  };
  const transport = (baseUrl: string) => {
    calls.connections.push(baseUrl);
    return createRouterTransport((router) => router.service(JobService, service));
  };
  return { transport, calls };
}

interface Context {
  readonly signal: AbortSignal;
  readonly requestHeader: Headers;
}

/** A client of such a service that hardly waits between attempts. */
export function clientOf(
  transport: (baseUrl: string) => Transport,
  options: ClientOptions = {},
  world: Partial<World> = {},
): StreamsvcClient {
  const quick = { backoff: new Backoff(1, 4), giveUpAfterMs: 5_000, transport };
  return new StreamsvcClient("http://one", { ...quick, ...options }, world);
}

/** A call that sends these and ends with OK. */
export function says(...messages: Message[]): Script {
  return async function* () {
    yield* messages;
  };
}

/** A call that sends these and fails. */
export function fails(error: ConnectError, ...messages: Message[]): Script {
  return async function* () {
    yield* messages;
    throw error;
  };
}

/** A call that sends these and then nothing, until it is ended. */
export function hangs(...messages: Message[]): Script {
  return async function* (_, signal) {
    yield* messages;
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve());
    });
  };
}

/** An error of the service, or with another domain of something on the way. */
export function error(code: Code, reason?: string, retryMs?: number, domain = "streamsvc", jobId = "j"): ConnectError {
  const info = { desc: ErrorInfoSchema, value: { reason: reason ?? "", domain, metadata: { job_id: jobId } } };
  const retry = { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(retryMs ?? 0) } };
  const details = [...(reason ? [info] : []), ...(retryMs === undefined ? [] : [retry])];
  return new ConnectError("on purpose", code, undefined, details);
}

/** A connection that was lost. */
export const CUT = new ConnectError("cut", Code.Unavailable);
