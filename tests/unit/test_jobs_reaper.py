"""When abandoned jobs are taken over: only by one that has been in touch with the store for a whole lease."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from streamsvc.errors import StoreUnavailable
from streamsvc.jobs.options import JobOptions
from streamsvc.jobs.reaper import Reaper
from streamsvc.store.base import Store
from tests.support.virtual_time import freeze, in_virtual_time, now

OPTIONS = JobOptions(lease_ttl=timedelta(seconds=10), reaper_interval=timedelta(seconds=2))


class Abandoned:
    """A store that has one abandoned job, and perhaps some that were given away."""

    def __init__(self) -> None:
        self.reachable = True
        self.hangs = asyncio.Event()
        self.hangs.set()
        self.looks: list[float] = []
        self.released: list[str] = []

    async def abandoned(self, *, released: bool = False) -> Sequence[str]:
        """See `Leases.abandoned`."""
        self.looks.append(now())
        await self.hangs.wait()
        if not self.reachable:
            raise StoreUnavailable("out of reach")
        return [*self.released] if released else ["a", *self.released]


class Watch:
    """A reaper at work, and when it took jobs over."""

    def __init__(self) -> None:
        self.store = Abandoned()
        self.taken: list[float] = []
        self.released: list[float] = []
        self.failing = False
        self.reaper = Reaper(cast(Store, self.store), self._take_over, OPTIONS, clock=now)
        self.began = now()
        self.task = asyncio.create_task(self.reaper.run())

    async def _take_over(self, job_id: str) -> None:
        if self.failing:
            raise StoreUnavailable("out of reach")
        (self.taken if job_id == "a" else self.released).append(now() - self.began)


@in_virtual_time
async def test_it_looks_at_once_and_at_its_interval() -> None:
    watch = Watch()
    await asyncio.sleep(20.5)
    assert [look - watch.began for look in watch.store.looks] == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20]
    watch.task.cancel()


@in_virtual_time
async def test_it_takes_nothing_over_before_it_was_in_touch_for_one_lease() -> None:
    watch = Watch()
    await asyncio.sleep(15)
    assert watch.taken[:1] == [10]
    watch.task.cancel()


@in_virtual_time
async def test_a_job_that_was_given_away_is_taken_over_at_once() -> None:
    watch = Watch()
    watch.store.released = ["b"]
    await asyncio.sleep(1)
    assert (watch.taken, watch.released) == ([], [0])
    watch.store.released = []
    watch.store.reachable = False
    await asyncio.sleep(20)
    watch.store.reachable, watch.store.released = True, ["c"]
    await asyncio.sleep(2)
    assert (watch.taken, watch.released) == ([], [0, 22])
    watch.task.cancel()


@in_virtual_time
async def test_an_outage_begins_the_lease_anew() -> None:
    watch = Watch()
    await asyncio.sleep(15)
    watch.store.reachable = False
    await asyncio.sleep(10)
    watch.taken.clear()
    watch.store.reachable = True
    await asyncio.sleep(30)
    assert watch.taken[0] == 36
    watch.task.cancel()


@in_virtual_time
async def test_a_takeover_that_fails_begins_the_lease_anew() -> None:
    watch = Watch()
    watch.failing = True
    await asyncio.sleep(15)
    watch.failing = False
    await asyncio.sleep(6)
    assert watch.taken == []
    await asyncio.sleep(10)
    assert watch.taken != []
    watch.task.cancel()


@in_virtual_time
async def test_a_process_that_was_stopped_begins_the_lease_anew() -> None:
    watch = Watch()
    await asyncio.sleep(15)
    watch.taken.clear()
    freeze(60)
    await asyncio.sleep(9)
    assert watch.taken == []
    await asyncio.sleep(10)
    assert watch.taken != []
    watch.task.cancel()


@in_virtual_time
async def test_a_store_that_hung_without_an_error_begins_the_lease_anew() -> None:
    watch = Watch()
    await asyncio.sleep(15)
    watch.taken.clear()
    watch.store.hangs.clear()
    await asyncio.sleep(9)
    watch.store.hangs.set()
    await asyncio.sleep(9)
    assert watch.taken == []
    await asyncio.sleep(10)
    assert watch.taken != []
    watch.task.cancel()


@in_virtual_time
async def test_it_says_whether_the_store_answers() -> None:
    watch = Watch()
    await asyncio.sleep(3)
    assert watch.reaper.store_answers
    watch.store.reachable = False
    await asyncio.sleep(3)
    assert not watch.reaper.store_answers
    watch.store.reachable = True
    await asyncio.sleep(3)
    assert watch.reaper.store_answers
    watch.task.cancel()


@in_virtual_time
async def test_a_bug_in_one_takeover_does_not_end_the_looking() -> None:
    watch = Watch()

    async def broken(job_id: str) -> None:
        watch.taken.append(now())
        raise ValueError("a bug")

    watch.reaper = Reaper(cast(Store, watch.store), broken, OPTIONS, clock=now)
    watch.task.cancel()
    watch.task = asyncio.create_task(watch.reaper.run())
    await asyncio.sleep(60)
    assert len(watch.taken) > 5
    watch.task.cancel()
