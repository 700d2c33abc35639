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

/** A transport to the Envoy, or whatever else speaks gRPC-Web, at `baseUrl`; over a connection of its own if `spare`. */
export function grpcWebTransport(baseUrl: string, spare: boolean): Transport {
  const credentials = spare ? otherCredentials(baseUrl) : "same-origin";
  return {
    unary: (method, signal, timeoutMs, header, message) =>
      runUnaryCall({
        ...limits(signal, timeoutMs),
        req: { ...request(baseUrl, method, timeoutMs, header), stream: false, message },
        next: async (req) => {
          const { messages, ...answer } = await ask(method, req, credentials, req.message);
          let only: MessageShape<typeof method.output> | undefined;
          for await (const message of messages) only = message;
          if (!only) throw new ConnectError("the answer has no message", Code.Unknown);
          return { ...req, ...answer, stream: false, message: only };
        },
      }),
    stream: (method, signal, timeoutMs, header, input) =>
      runStreamingCall({
        ...limits(signal, timeoutMs),
        req: { ...request(baseUrl, method, timeoutMs, header), stream: true, message: input },
        next: async (req) => {
          const asked = await req.message[Symbol.asyncIterator]().next();
          if (asked.done) throw new ConnectError("there is no request", Code.Internal);
          const { messages, ...answer } = await ask(method, req, credentials, asked.value);
          return { ...req, ...answer, stream: true, message: messages };
        },
      }),
  };
}

/** Those for which a browser keeps other connections than for "same-origin". */
function otherCredentials(baseUrl: string): RequestCredentials {
  const here = globalThis.location?.href;
  return here && new URL(baseUrl, here).origin !== new URL(here).origin ? "include" : "omit";
}

function request<M extends DescMethod>(baseUrl: string, method: M, timeoutMs?: number, header?: HeadersInit) {
  return {
    service: method.parent,
    method,
    requestMethod: "POST",
    url: createMethodUrl(baseUrl, method),
    header: requestHeader(true, timeoutMs, header, false),
    contextValues: createContextValues(),
  };
}

function limits(signal: AbortSignal | undefined, timeoutMs: number | undefined) {
  return { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
}

interface Asked {
  readonly url: string;
  readonly header: Headers;
  readonly signal: AbortSignal;
}

/** Sends the one message of a call, and returns what is answered: `trailer` is there when `messages` is at its end. */
async function ask<I extends DescMessage, O extends DescMessage>(
  { input, output }: { readonly input: I; readonly output: O },
  { url, header, signal }: Asked,
  credentials: RequestCredentials,
  message: MessageShape<I>,
) {
  const body = encodeEnvelope(0, toBinary(input, message));
  const answer = await fetch(url, { method: "POST", redirect: "error", credentials, headers: header, signal, body });
  const { headerError } = validateResponse(answer.status, answer.headers);
  if (headerError) throw headerError;
  const trailer = new Headers();
  return { header: answer.headers, trailer, messages: messagesOf(output, answer, trailer, signal) };
}

/** What an answer holds up to its trailer, which is added to `trailer`. Throws the error that the trailer tells of. */
async function* messagesOf<O extends DescMessage>(
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
