"""Jobs that ask people, and the answers, in few words."""

from __future__ import annotations

import json
from typing import Any

from streamsvc.v1 import content_pb2, job_pb2, state_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.rig import Rig

APPROVE, REJECT = content_pb2.INPUT_DECISION_APPROVE, content_pb2.INPUT_DECISION_REJECT
EDIT, RESPOND = content_pb2.INPUT_DECISION_EDIT, content_pb2.INPUT_DECISION_RESPOND


def answer(
    question: str, decision: content_pb2.InputDecision.ValueType = APPROVE, json: str = "", comment: str = ""
) -> content_pb2.InputAnswer:
    """Return an answer."""
    return content_pb2.InputAnswer(input_request_id=question, decision=decision, json=json, comment=comment)


def asking(ask: str = "approval", **script: Any) -> pb.GenerationParameters:
    """Return parameters under which the scripted producer says two words and asks."""
    return pb.GenerationParameters(extra_json=json.dumps({"tokens": 2, "rate": 0, "ask": ask, **script}))


QUICK = pb.GenerationParameters(extra_json='{"tokens": 2, "rate": 0}')


async def asked(rig: Rig, ask: str = "approval", **fields: Any) -> state_pb2.JobState:
    """Have a scripted job ask, and return its state when it has ended."""
    job = await rig.start(prompt="write to Ada", producer="scripted", parameters=asking(ask), **fields)
    await rig.read(job.id)
    return await rig.state(job.id)


async def go_on(rig: Rig, state: state_pb2.JobState, *answers: content_pb2.InputAnswer, **fields: Any) -> job_pb2.Job:
    """Start the job that goes on with answers to the questions of another."""
    request = {"previous_job_id": state.job.id, "answers": answers, "parameters": QUICK, **fields}
    return await rig.start(pb.StartGenerationRequest(**request))
