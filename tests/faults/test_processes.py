"""The service's process is killed, started again, and frozen."""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta

import pytest

from streamsvc.backoff import Backoff
from streamsvc.errors import JobNotFound
from tests.support.events import answer, kinds, scripted
from tests.support.following import Follower, obey
from tests.support.service import Service, client_of

QUICK = Backoff(maximum=timedelta(milliseconds=200))

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_cursor_of_a_job_that_died_with_its_service_is_not_found_after_one_lease() -> None:
    loop = asyncio.get_running_loop()
    async with await Service.start() as service, client_of(service.address, backoff=QUICK) as client:
        address = service.address
        job = await client.start_request(scripted(tokens=2000, rate=20))
        follower = Follower(client, job.id, "reader")
        await follower.until(lambda record: kinds(record.events).count("text_delta") > 3)
        await service.kill()
        async with await Service.start(listen=address) as again:
            began = loop.time()
            with pytest.raises(JobNotFound):
                await follower.done()
            assert loop.time() - began < 1 + 3
            with pytest.raises(JobNotFound):
                await client.state(job.id)
            new = await client.start_request(scripted(tokens=10, rate=0))
            await obey(client, new.id, [Follower(client, new.id, "new")])
            assert "Traceback" not in again.text


async def test_a_reader_without_a_cursor_of_a_job_that_died_is_told_at_once() -> None:
    async with await Service.start() as service, client_of(service.address, backoff=QUICK) as client:
        with pytest.raises(JobNotFound):
            await Follower(client, "0" * 32, "late").done()


@pytest.mark.parametrize(("seconds", "resumed"), [(0.4, False), (2.5, True)])
async def test_a_service_that_was_frozen_goes_on_exactly(seconds: float, resumed: bool) -> None:
    async with await Service.start() as service, client_of(service.address, backoff=QUICK) as client:
        job = await client.start_request(scripted(tokens=120, rate=60, pattern="count", rich=True))
        followers = [Follower(client, job.id, f"reader {number}") for number in range(5)]
        await followers[0].until(lambda record: kinds(record.events).count("text_delta") > 10)
        service.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)  # the length of the fault
        service.signal(signal.SIGCONT)
        state = await obey(client, job.id, followers)
        assert answer(state) == "".join(f"{number} " for number in range(120))
        assert state.job.attempt == 1 or resumed
        assert "Traceback" not in service.text


async def test_a_service_that_is_killed_while_it_is_asked_gives_every_caller_an_answer() -> None:
    async with await Service.start() as service, client_of(service.address, backoff=QUICK) as client:
        address = service.address
        jobs = [await client.start_request(scripted(tokens=200, rate=50)) for _ in range(5)]
        followers = [Follower(client, job.id, "reader") for job in jobs for _ in range(4)]
        await asyncio.gather(*[follower.until(lambda record: len(record.items) > 3) for follower in followers])
        await service.kill()
        async with await Service.start(listen=address):
            outcomes = await asyncio.gather(*[follower.done() for follower in followers], return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {JobNotFound}
