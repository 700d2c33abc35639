"""People in the loop over gRPC: workers and publishers ask, clients answer, and the next job has what they said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from streamsvc.client import Publisher, SyncClient, publish, publishing
from streamsvc.errors import FieldInvalid, InputAnswered
from streamsvc.v1 import content_pb2, event_pb2, job_pb2
from streamsvc.v1 import job_service_pb2 as jobs_pb
from tests.integration.test_work import working
from tests.support.calls import refused
from tests.support.events import answer as text_of
from tests.support.events import kinds
from tests.support.outside import AGENT, inside
from tests.support.people import APPROVE, REJECT, RESPOND, answer
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

WAITS, STOP = job_pb2.FINISH_REASON_INPUT_REQUIRED, job_pb2.FINISH_REASON_STOP


async def agent(pub: Publisher) -> None:
    """Ask whether to go on, and do what people said."""
    assert pub.request is not None
    if not pub.request.answers:
        async with pub.tool_call("send_letter") as call:
            await call.write('{"to": "Ada"}')
            await pub.ask(content_pb2.InputRequest(id="q", type="tool_approval", part_index=call.index))
        return
    (given,) = pub.request.answers
    said = "sent" if given.decision == APPROVE else f"not sent: {given.comment}"
    await pub.say(f"{said}, after {pub.request.previous_job_id}")


async def ask(pub: Publisher, question: str = "q") -> None:
    await pub.ask(content_pb2.InputRequest(id=question, message="And now?"))


async def waiting(address: str, *questions: str, owner: str = "") -> job_pb2.Job:
    """Publish a job that asks."""
    async with publishing(address, owner=owner, conversation_id="c", model="m", producer=AGENT) as pub:
        for question in questions or ("q",):
            await ask(pub, question)
    return pub.job


async def test_a_worker_asks_and_the_next_one_hears_the_answer() -> None:
    async with inside() as service, working(service, agent), client_of(service.address) as client:
        job = await client.start("write to Ada", producer=AGENT, conversation_id="c")
        assert kinds(await service.events(job.id))[-1] == "job_completed"
        state = await service.state(job.id)
        assert state.job.finish_reason == WAITS
        assert [(asked.id, asked.part_index) for asked in state.input_requests] == [("q", 0)]
        following = await client.answer(job.id, [answer("q", REJECT, comment="too long")])
        assert (following.producer, following.conversation_id, following.previous_job_id) == (AGENT, "c", job.id)
        await service.events(following.id)
        after = await service.state(following.id)
        assert text_of(after) == f"not sent: too long, after {job.id}"
        assert after.job.finish_reason == STOP
        assert list(after.answers) == [answer("q", REJECT, comment="too long")]


async def test_who_is_second_is_told_the_job_of_the_first() -> None:
    async with inside() as service, client_of(service.address) as client:
        job = await waiting(service.app.internal_address)
        first = await client.answer(job.id, [answer("q")], request_id="r")
        assert (await client.answer(job.id, [answer("q")], request_id="r")).id == first.id
        with pytest.raises(InputAnswered) as second:
            await client.answer(job.id, [answer("q")])
        assert second.value.job_id == first.id
        request = jobs_pb.StartGenerationRequest(previous_job_id=job.id, answers=[answer("q")])
        refusal = await refused(service.jobs.StartGeneration(request))
        assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "INPUT_ANSWERED")
        assert refusal.metadata == {"job_id": first.id, "previous_job_id": job.id}


async def test_a_publisher_goes_on_with_answers_and_one_that_is_started_again_goes_on_with_its_job() -> None:
    async def stopped() -> AsyncIterator[str]:
        yield "so far "
        raise asyncio.CancelledError

    async def whole() -> AsyncIterator[str]:
        yield "so far "
        yield "and on"

    async with inside() as service:
        address = service.app.internal_address
        job = await waiting(address, owner="ada")
        about: dict[str, Any] = {"owner": "ada", "previous_job_id": job.id, "answers": [answer("q")], "request_id": "r"}
        with pytest.raises(asyncio.CancelledError):
            await publish(stopped(), address, **about)
        following = await publish(whole(), address, **about)
        assert (following.conversation_id, following.model, following.producer) == ("c", "m", AGENT)
        with pytest.raises(InputAnswered) as second:
            await publish(whole(), address, **{**about, "request_id": "s"})
        assert second.value.job_id == following.id


async def test_a_publisher_that_asked_waits_for_people_unless_it_says_otherwise() -> None:
    async with inside() as service:
        address = service.app.internal_address
        assert (await waiting(address)).finish_reason == WAITS
        async with publishing(address) as pub:
            assert await pub.ask(content_pb2.InputRequest(message="and now?")) != await pub.ask(
                content_pb2.InputRequest(message="and then?")
            )
            pub.complete(STOP)
        assert pub.job.finish_reason == STOP

        async def events() -> AsyncIterator[event_pb2.Event]:
            asked = content_pb2.InputRequest(id="q")
            yield event_pb2.Event(input_requested=event_pb2.InputRequested(input_request=asked))

        assert (await publish(events(), address)).finish_reason == WAITS


async def test_a_publisher_that_lost_its_process_after_it_asked_waits_for_people_too() -> None:
    async def lost(address: str) -> None:
        async with publishing(address, request_id="r") as pub:
            await ask(pub)
            raise asyncio.CancelledError

    async with inside() as service:
        address = service.app.internal_address
        with pytest.raises(asyncio.CancelledError):
            await lost(address)
        async with publishing(address, request_id="r") as pub:
            assert [asked.id for asked in pub.so_far.input_requests] == ["q"]
        assert pub.job.finish_reason == WAITS


async def test_mistakes_are_told_by_their_field() -> None:
    async with inside() as service, client_of(service.address) as client:
        job = await waiting(service.app.internal_address, "q", "r")
        for given, field in (
            ([answer("q")], "answers"),
            ([answer("q"), answer("r", RESPOND, "yes")], "answers[1].json"),
            ([answer("q"), answer("r"), answer("s")], "answers[2].input_request_id"),
        ):
            with pytest.raises(FieldInvalid) as caught:
                await client.answer(job.id, given)
            assert caught.value.metadata["field"] == field
            with pytest.raises(FieldInvalid) as published:
                async with publishing(service.app.internal_address, previous_job_id=job.id, answers=given):
                    pass
            assert published.value.message == caught.value.message
        await client.answer(job.id, [answer("q"), answer("r")])


async def test_the_synchronous_client_answers_too() -> None:
    async with inside() as service:
        job = await waiting(service.app.internal_address)

        def answered() -> tuple[str, str]:
            with SyncClient(service.address) as client:
                first = client.answer(job.id, [answer("q")])
                try:
                    client.answer(job.id, [answer("q")])
                except InputAnswered as second:
                    return first.id, second.job_id
            raise AssertionError("the second answer was taken")

        first, second = await asyncio.to_thread(answered)
        assert first == second
