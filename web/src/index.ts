/** The browser client of streamsvc. */

export { Code } from "@connectrpc/connect";
export { AskingJob, type AskingSnapshot, type Question } from "./asking-job.js";
export { Backoff } from "./backoff.js";
export { type Answers, type JobFilter, type StartRequest, StreamsvcClient } from "./client.js";
export type { ConversationSnapshot, ConversationStore } from "./conversation-store.js";
export { type Cursor, START } from "./cursor.js";
export { answeredIn, type Reason, StreamsvcError, type Violation } from "./errors.js";
export { Fold } from "./fold.js";
export * from "./gen/streamsvc/v1/content_pb.js";
export * from "./gen/streamsvc/v1/event_pb.js";
export * from "./gen/streamsvc/v1/job_pb.js";
export { CatchUpMode, ConcurrencyPolicy, RecoveryPolicy } from "./gen/streamsvc/v1/job_service_pb.js";
export { type JobState, JobStateSchema } from "./gen/streamsvc/v1/state_pb.js";
export type { JobSnapshot, JobStore } from "./job-store.js";
export { KeptJob } from "./kept-job.js";
export type { ClientOptions } from "./options.js";
export { type Item, isSnapshot, type JobStream, type Status, type StreamOptions } from "./stream.js";
export type { JobsUpdate, JobWatch, WatchOptions } from "./watch.js";
