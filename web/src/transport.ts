/**
 * Calls over gRPC-Web, in binary only: Connect's own transport also speaks JSON, which is a fifth of what a page would
 * load for this client.
 */

import { type DescMessage, type DescMethod, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextValues, type Transport } from "@connectrpc/connect";
import {
  createEnvelopeReadableStream,
  createMethodUrl,
  encodeEnvelope,
  runStreamingCall,
  runUnaryCall,
} from "@connectrpc/connect/protocol";
import {
  requestHeader,
  trailerFlag,
  trailerParse,
  validateResponse,
  validateTrailer,
} from "@connectrpc/connect/protocol-grpc-web";

/** A transport to the Envoy, or whatever else speaks gRPC-Web, at `baseUrl`. */
export function grpcWebTransport(baseUrl: string): Transport {
  const request = <M extends DescMethod>(
    method: M,
    timeoutMs: number | undefined,
    header: HeadersInit | undefined,
  ) => ({
    service: method.parent,
    method,
    requestMethod: "POST",
    url: createMethodUrl(baseUrl, method),
    header: requestHeader(true, timeoutMs, header, false),
    contextValues: createContextValues(),
  });
  return {
    unary(method, signal, timeoutMs, header, message) {
      return runUnaryCall({
        ...limits(signal, timeoutMs),
        req: { ...request(method, timeoutMs, header), stream: false, message },
        next: async (req) => {
          const answer = await post(req, toBinary(method.input, req.message));
          const trailer = new Headers();
          let only: MessageShape<typeof method.output> | undefined;
          for await (const message of messages(method.output, answer, trailer, req.signal)) only = message;
          if (!only) throw new ConnectError("the answer has no message", Code.Unknown);
          return { ...req, stream: false, header: answer.headers, trailer, message: only };
        },
      });
    },
    stream(method, signal, timeoutMs, header, input) {
      return runStreamingCall({
        ...limits(signal, timeoutMs),
        req: { ...request(method, timeoutMs, header), stream: true, message: input },
        next: async (req) => {
          const asked = await req.message[Symbol.asyncIterator]().next();
          const answer = await post(req, toBinary(method.input, asked.value as MessageShape<typeof method.input>));
          const trailer = new Headers();
          const message = messages(method.output, answer, trailer, req.signal);
          return { ...req, stream: true, header: answer.headers, trailer, message };
        },
      });
    },
  };
}

interface Posted {
  readonly url: string;
  readonly header: Headers;
  readonly signal: AbortSignal;
}

function limits(signal: AbortSignal | undefined, timeoutMs: number | undefined) {
  return { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
}

async function post({ url, header, signal }: Posted, message: Uint8Array): Promise<Response> {
  const body = encodeEnvelope(0, message);
  const answer = await fetch(url, { method: "POST", redirect: "error", headers: header, signal, body });
  const { headerError } = validateResponse(answer.status, answer.headers);
  if (headerError) throw headerError;
  return answer;
}

/** What an answer holds up to its trailer, which is added to `trailer`. Throws the error that the trailer tells of. */
async function* messages<O extends DescMessage>(
  output: O,
  { headers, body }: Response,
  trailer: Headers,
  signal: AbortSignal,
): AsyncGenerator<MessageShape<O>> {
  if (!body || headers.has("grpc-status")) return;
  const envelopes = createEnvelopeReadableStream(body).getReader();
  let ended = false;
  // To the very end, also after the trailer: a connection whose answer was read is used again.
  for (;;) {
    const { done, value } = await envelopes.read();
    if (done) break;
    if (value.flags === trailerFlag) {
      const told = trailerParse(value.data);
      validateTrailer(told, headers);
      told.forEach((text, name) => trailer.set(name, text));
      ended = true;
      continue;
    }
    if (value.flags !== 0) throw new ConnectError("the answer is compressed, which nobody asked for", Code.Internal);
    yield fromBinary(output, value.data);
  }
  // Not every runtime's reader throws when its call is aborted.
  signal.throwIfAborted();
  if (!ended) throw new ConnectError("the answer broke off", Code.Unavailable);
}
