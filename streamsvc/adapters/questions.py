"""Calls that wait for people: the questions of one job, and the answers that the next one was started with."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence

from streamsvc.adapters.keeping import Keeping
from streamsvc.adapters.saying import Saying
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2

APPROVAL = "tool_approval"
APPROVE = content_pb2.INPUT_DECISION_APPROVE
REJECT = content_pb2.INPUT_DECISION_REJECT
EDIT = content_pb2.INPUT_DECISION_EDIT
RESPOND = content_pb2.INPUT_DECISION_RESPOND

_READY = content_pb2.TOOL_CALL_STATUS_READY


def ask(
    saying: Saying,
    job_id: str,
    call_id: str,
    decisions: Sequence[content_pb2.InputDecision.ValueType],
    *,
    kind: str = APPROVAL,
    message: str,
    step: str,
) -> None:
    """Ask people about a call that has been told of."""
    saying.update(call_id, _READY)
    request = content_pb2.InputRequest(
        id=f"{job_id}/{call_id}", type=kind, message=message, decisions=decisions, step_id=step
    )
    if (index := saying.index_of(call_id)) is not None:
        request.part_index = index
    saying.ask(request)


def answers(so_far: state_pb2.JobState) -> Mapping[str, content_pb2.InputAnswer]:
    """Return what people answered to the questions of the job before, by the ids of the calls."""
    asked = f"{so_far.job.previous_job_id}/"
    return {
        answer.input_request_id.removeprefix(asked): answer
        for answer in so_far.answers
        if answer.input_request_id.startswith(asked)
    }


class NotKept(Exception):
    """A run that waits for people is not kept, or cannot be. `error` is what readers are told."""

    def __init__(self, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.error = job_pb2.JobError(reason="RUN_NOT_KEPT", message=message, metadata=metadata)


async def load(keeping: Keeping | None, so_far: state_pb2.JobState) -> str:
    """Return the run whose questions this job answers. Raises NotKept."""
    job_id = so_far.job.previous_job_id
    kept = await keeping.load(job_id) if keeping is not None else None
    if kept is None:
        raise NotKept(f"the run of job {job_id}, whose questions were answered, is not kept", job_id=job_id)
    run: str = json.loads(kept)["run"]
    return run


async def save(keeping: Keeping | None, job_id: str, run: str, ending: Sequence[event_pb2.Event]) -> None:
    """Keep a run until its questions are answered. `ending` asks them, and ends the job. Raises NotKept."""
    if keeping is None:
        raise NotKept("a tool waits for people, and nothing keeps the run until then: give the adapter `keeping`")
    events = [base64.b64encode(event.SerializeToString()).decode() for event in ending]
    await keeping.save(job_id, json.dumps({"run": run, "ending": events}))


async def left(keeping: Keeping | None, so_far: state_pb2.JobState) -> list[event_pb2.Event]:
    """Return what an earlier attempt at this job left to say, if it had begun to ask: nothing has to run again then."""
    asked = {request.id for request in so_far.input_requests}
    kept = await keeping.load(so_far.job.id) if keeping is not None and asked else None
    if kept is None:
        return []
    events = [event_pb2.Event.FromString(base64.b64decode(event)) for event in json.loads(kept)["ending"]]
    return [event for event in events if event.input_requested.input_request.id not in asked]
