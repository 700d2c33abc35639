"""People in the loop: a job that asks ends, and the one that has their answers goes on."""

from __future__ import annotations

from streamsvc.v1 import job_pb2
from tests.support.asking import APPROVE, RESPOND, answer, asked, go_on
from tests.support.events import answer as text_of
from tests.support.rig import one_rig
from tests.support.virtual_time import in_virtual_time


@in_virtual_time
async def test_a_job_that_asked_goes_on_with_the_answers_in_another() -> None:
    async with one_rig() as rig:
        first = await asked(rig, "both", conversation_id="c")
        assert first.job.finish_reason == job_pb2.FINISH_REASON_INPUT_REQUIRED
        approval, question = (request.id for request in first.input_requests)
        answers = [answer(approval, APPROVE), answer(question, RESPOND, '"the old one"', "I asked her")]
        job = await go_on(rig, first, *answers)
        assert (job.conversation_id, job.producer, job.model) == ("c", "scripted", "scripted")
        assert job.previous_job_id == first.job.id
        await rig.read(job.id)
        state = await rig.state(job.id)
        assert list(state.answers) == answers
        assert text_of(state).startswith('You said "the old one". ')
        assert state.job.finish_reason == job_pb2.FINISH_REASON_STOP
