// The messages: loads ../../protos, turns bytes into plain objects and back.
// @ts-check

import { fileURLToPath } from 'node:url';

import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const here = fileURLToPath(new URL('.', import.meta.url));
const protos = fileURLToPath(new URL('../../protos', import.meta.url));

const loaded = protoLoader.loadSync(['streamsvc/v1/job_service.proto', 'rpc.proto'], {
  includeDirs: [protos, here],
  // The seconds of a Timestamp or a Duration are all the 64 bits there are: a number holds them for 285 million years.
  longs: Number,
  // Unset fields are there, with their zero, so that code need not ask first. Enums stay numbers, as values of later
  // versions have no name here.
  defaults: true,
  // `event.payload` and `part.kind` name the field that is set, and are undefined for kinds of later versions.
  oneofs: true,
});

const root = /** @type {any} */ (grpc.loadPackageDefinition(loaded));

/** @type {any} The generic client of JobService: `new JobService(target, credentials, options)`. */
export const JobService = root.streamsvc.v1.JobService;

/** A message's two ways. @param {string} name */
const message = (name) => {
  const type = /** @type {any} */ (loaded[name]);
  return {
    /** @param {any} object @returns {Buffer} */
    encode: (object) => type.serialize(object),
    /** @param {Uint8Array} bytes @returns {any} */
    decode: (bytes) => type.deserialize(bytes),
  };
};

export const JobState = message('streamsvc.v1.JobState');
export const StreamJobResponse = message('streamsvc.v1.StreamJobResponse');
export const Status = message('rpc.Status');
export const ErrorInfo = message('rpc.ErrorInfo');
export const RetryInfo = message('rpc.RetryInfo');

/** @param {{seconds: number, nanos: number} | null} duration */
export const milliseconds = (duration) => (duration ? duration.seconds * 1000 + duration.nanos / 1e6 : 0);

/** @param {number} ms */
export const duration = (ms) => ({ seconds: Math.trunc(ms / 1000), nanos: Math.round((ms % 1000) * 1e6) });

/**
 * What an error's trailers say beyond its code.
 * @param {any} trailers
 * @returns {{info?: {reason: string, metadata: Record<string, string>}, retryMs?: number}} `info` only if it is the
 *   service's own; the wait, whoever asks for it.
 */
export function errorDetails(trailers) {
  /** @type {ReturnType<typeof errorDetails>} */
  const said = {};
  const [bytes] = trailers?.get('grpc-status-details-bin') ?? [];
  if (!bytes) return said;
  try {
    for (const any of Status.decode(bytes).details) {
      const url = any.type_url ?? any.typeUrl; // The loader's own Any keeps its name whatever the options say.
      if (url.endsWith('/google.rpc.ErrorInfo')) {
        const info = ErrorInfo.decode(any.value);
        if (info.domain === 'streamsvc') said.info = info;
      } else if (url.endsWith('/google.rpc.RetryInfo')) {
        said.retryMs = milliseconds(RetryInfo.decode(any.value).retryDelay);
      }
    }
  } catch {
    return {}; // Not a Status: somebody on the way wrote the trailer.
  }
  return said;
}
