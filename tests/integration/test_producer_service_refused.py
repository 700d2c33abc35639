"""What ProducerService refuses of what is published: the whole call, by index and field; nothing of it is stored."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from tests.support.calls import refused
from tests.support.events import answer, part_started, text
from tests.support.outside import completed, inside, publishing

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_batch_with_one_event_that_does_not_fit_is_refused_whole() -> None:
    async with inside(max_event_bytes=2000) as service:
        made = await service.create()
        job_id, lease = made.job.id, made.lease
        too_large = text("x" * 3000)
        for events, index, field in (
            ([part_started(), text("a"), text("b", 7)], "2", "events[2].text_delta.part_index"),
            ([part_started(), completed(), text("a")], "1", "events[1].job_completed"),
            ([part_started(), too_large], "1", "events[1]"),
        ):
            refusal = await refused(service.publish(job_id, lease, 2, events))
            assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "EVENT_INVALID")
            assert (refusal.metadata["index"], refusal.field) == (index, field)
        many = await refused(service.publish(job_id, lease, 2, [part_started(), *[text("y" * 900) for _ in range(5)]]))
        assert (many.reason, many.field) == ("EVENT_INVALID", "events")
        assert (await service.state(job_id)).offset == 2
        await service.publish(job_id, lease, 2, [part_started(), text("fits"), completed()])
        assert answer(await service.state(job_id)) == "fits"


async def test_an_answer_that_grows_over_the_limit_is_refused_and_may_still_end() -> None:
    async with inside(max_answer_bytes=5000) as service:
        made = await service.create()
        wrote = await service.publish(made.job.id, made.lease, 2, [part_started(), text("x" * 4000)])
        for _ in range(2):
            refusal = await refused(service.publish(made.job.id, made.lease, wrote.last_offset, [text("x" * 4000)]))
            assert (refusal.reason, refusal.metadata["limit"]) == ("EVENT_INVALID", "max_answer_bytes")
        await service.publish(made.job.id, made.lease, wrote.last_offset, [completed()])


async def test_bytes_that_are_no_text_are_refused_with_the_place_they_are_at() -> None:
    async with inside() as service:
        made = await service.create()
        request = publishing(made.job.id, made.lease, 2, [part_started(), text("BAD")])
        async with grpc.aio.insecure_channel(service.app.internal_address) as channel:
            call: Any = channel.unary_unary("/streamsvc.v1.ProducerService/PublishEvents")
            refusal = await refused(call(request.SerializeToString().replace(b"BAD", b"\xff\xfe\xfd")))
            assert (refusal.reason, refusal.field) == ("EVENT_INVALID", "events[1].text_delta.text")
            assert refusal.metadata["index"] == "1"
            garbage = await refused(call(b"\x0a\xff"))
            assert (garbage.code, garbage.reason, garbage.field) == ("INVALID_ARGUMENT", "FIELD_INVALID", "request")
        assert (await service.state(made.job.id)).offset == 2
