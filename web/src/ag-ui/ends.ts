/** How an AG-UI run ends: with success, with questions to people, cancelled, or with an error. */

import type { RunFinishedOutcome } from "@ag-ui/core";
import { create } from "@bufbuild/protobuf";

import { FinishReason, JobErrorSchema, JobSchema, JobStatus } from "../gen/streamsvc/v1/job_pb.js";
import type { JobState } from "../gen/streamsvc/v1/state_pb.js";
import type { Told } from "./events.js";
import { callId, interruptsOf, isAnswered, jobId, json, ours, usageOf } from "./messages.js";

/** Tells how a run ends whose job has ended. */
export function tellEnd(told: Told, state: JobState, run: { threadId: string; runId: string }): void {
  const usage = usageOf(state);
  const { status, error = create(JobErrorSchema), finishReason } = state.job ?? create(JobSchema);
  if (status !== JobStatus.FAILED) {
    const metadata = ours(json(JobSchema, create(JobSchema, { finishReason })));
    told.say("RUN_FINISHED", { ...run, outcome: outcome(state), usage, metadata });
  } else {
    const { reason, message } = error;
    const metadata = ours({ error: json(JobErrorSchema, error) });
    told.say("RUN_ERROR", { message: message || reason, code: reason, usage, metadata });
  }
}

function outcome(state: JobState): RunFinishedOutcome {
  if (state.job?.status === JobStatus.CANCELLED) return { type: "cancelled" };
  const interrupts = interruptsOf(state);
  if (interrupts.length > 0) return { type: "interrupt", interrupts };
  // Named where the caller is to run them; elsewhere a call without a result was cut off.
  if (state.job?.finishReason !== FinishReason.TOOL_CALLS) return { type: "success" };
  const open = state.parts.filter((part) => !isAnswered(part));
  const pendingToolCallIds = open.flatMap((part) => callId(jobId(state), part) ?? []);
  return { type: "success", ...(pendingToolCallIds.length > 0 && { pendingToolCallIds }) };
}
