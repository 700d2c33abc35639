/** The two calls that stream, wherever they go: over the network, or through another tab. */

import type { ReadOptions } from "./audible.js";
import type {
  StreamJobRequest,
  StreamJobResponse,
  WatchJobsRequest,
  WatchJobsResponse,
} from "./gen/streamsvc/v1/job_service_pb.js";

/** Makes calls that stream. What they throw is a StreamsvcError, or the reason that their signal was aborted with. */
export interface Calls {
  streamJob(request: StreamJobRequest, options: ReadOptions): AsyncIterable<StreamJobResponse>;
  watchJobs(request: WatchJobsRequest, options: ReadOptions): AsyncIterable<WatchJobsResponse>;
}
