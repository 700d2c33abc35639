"""Indexes that lost something, or never got it: what is right is found again, and nothing depends on them meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from streamsvc.errors import StoreUnavailable
from streamsvc.store.base import JobQuery, Scope
from streamsvc.store.redis import index as index_module
from streamsvc.store.redis import table as table_module
from streamsvc.store.redis.link import Reply
from streamsvc.store.redis.scripts import Script
from tests.support import redis_servers
from tests.support.redis_under_test import PREFIX, RedisUnderTest
from tests.support.times import Times
from tests.support.writing import JOB, OTHER, a_job, batch, begin

ADA = Scope("ada")


@pytest.fixture
async def sut() -> AsyncIterator[RedisUnderTest]:
    """A Redis store, with handles on its time."""
    server = redis_servers.shared()
    async with server.client() as client:
        sut = RedisUnderTest(server.servers, client, [client], Times())
        yield sut
        await sut.close()


class Dies:
    """A link on whose way a process dies: at the first call of the script that is named, and for good."""

    def __init__(self, sut: RedisUnderTest, at: str) -> None:
        self._run = sut.link.run
        self._at = at
        self.dead = False

    async def run(self, script: Script, keys: Sequence[bytes], args: Sequence[bytes]) -> Reply:
        """See `Link.run`."""
        self.dead = self.dead or script.name == self._at
        if self.dead:
            raise StoreUnavailable("the process is dead")
        return await self._run(script, keys, args)


class Holds:
    """A link on which the first answer of the script that is named is late: it comes with `let_go`."""

    def __init__(self, sut: RedisUnderTest, name: str) -> None:
        self._run = sut.link.run
        self._name = name
        self.held, self._let_go = asyncio.Event(), asyncio.Event()

    async def run(self, script: Script, keys: Sequence[bytes], args: Sequence[bytes]) -> Reply:
        """See `Link.run`."""
        reply = await self._run(script, keys, args)
        if script.name == self._name and not self.held.is_set():
            self.held.set()
            await self._let_go.wait()
        return reply

    def let_go(self) -> None:
        """Let the answer come."""
        self._let_go.set()


async def _listed(sut: RedisUnderTest, *statuses: int) -> list[str]:
    page = await sut.store.list(JobQuery(ADA, frozenset(statuses)))
    return [job.id for job in page.jobs]


async def _lose_indexes(sut: RedisUnderTest) -> None:
    keys = await sut.client.keys(f"{PREFIX}:o:*") + await sut.client.keys(f"{PREFIX}:{{due-*")
    await sut.client.delete(*keys)


async def _looked_around(sut: RedisUnderTest) -> None:
    """Look for abandoned jobs until the slow look at everything has been round."""
    for _ in range(3):
        await sut.store.abandoned()


async def test_a_renewal_puts_a_job_back_into_lists(sut: RedisUnderTest) -> None:
    writer = await begin(sut)
    token = (await sut.store.changed_since(ADA, "")).token
    await _lose_indexes(sut)
    assert await _listed(sut) == []
    await sut.store.renew(writer.lease, writer.last)
    assert await _listed(sut) == [JOB]
    changes = await sut.store.changed_since(ADA, token)
    assert ([job.id for job in changes.jobs], changes.reset) == ([JOB], True)


async def test_who_takes_a_job_over_finds_it_in_lists_at_once(sut: RedisUnderTest) -> None:
    await begin(sut)
    await sut.advance(sut.times.ttl * 1.1)
    await _lose_indexes(sut)
    await sut.store.acquire(JOB, sut.times.ttl)
    assert await _listed(sut) == [JOB]


async def test_what_nobody_names_any_more_is_found_by_a_look_at_everything(sut: RedisUnderTest) -> None:
    await begin(sut)
    ended = await begin(sut, job_id=OTHER, epoch="second")
    await ended.end()
    await _lose_indexes(sut)
    await _looked_around(sut)
    assert set(await _listed(sut)) == {JOB, OTHER}
    await sut.advance(sut.times.ttl * 1.1)
    assert await sut.store.abandoned() == [JOB]


async def test_a_job_that_was_lost_and_made_again_is_looked_at_when_its_new_lease_ends(sut: RedisUnderTest) -> None:
    ended = await begin(sut)
    await ended.end()
    await sut.client.delete(*await sut.client.keys(f"{PREFIX}:{{{JOB}}}:*"))
    await begin(sut, epoch="again")
    await sut.advance(sut.times.ttl * 1.1)
    assert await sut.store.abandoned() == [JOB]


async def test_what_was_lost_and_found_leaves_nothing_behind_at_its_end(sut: RedisUnderTest) -> None:
    ended = await begin(sut)
    await ended.end()
    await _lose_indexes(sut)
    await _looked_around(sut)
    await sut.advance(sut.times.retention * 1.1)
    assert await sut.leftovers() == 0


@pytest.mark.parametrize("late", ["look", "look_later", "heal", "renew"])
async def test_who_learns_late_how_a_job_stood_leaves_nothing_of_it_behind(
    sut: RedisUnderTest, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    ended = await begin(sut)
    await ended.end()
    link = Holds(sut, late)
    monkeypatch.setattr(sut.link, "run", link.run)
    learning = asyncio.ensure_future(
        sut.store.renew(ended.lease, ended.last) if late == "renew" else sut.store.abandoned()
    )
    await link.held.wait()
    await sut.advance(sut.times.retention * 1.1)
    await sut.store.abandoned()
    link.let_go()
    await learning
    await sut.advance(sut.times.retention * 1.1)
    assert await sut.leftovers() == 0


@pytest.mark.parametrize(("at", "created"), [("create", False), ("note", True)])
async def test_an_instance_that_dies_while_it_creates_a_job_leaves_all_of_it_or_nothing(
    sut: RedisUnderTest, monkeypatch: pytest.MonkeyPatch, at: str, created: bool
) -> None:
    with monkeypatch.context() as dying:
        dying.setattr(sut.link, "run", Dies(sut, at).run)
        with pytest.raises(StoreUnavailable):
            await begin(sut)
    await sut.advance(sut.times.ttl * 1.1)
    assert await sut.store.abandoned() == [JOB] * created
    assert await _listed(sut) == [JOB] * created
    if not created:
        assert await sut.leftovers() == 0


async def test_the_end_of_a_job_is_told_although_its_writer_died_before_it_could_tell(
    sut: RedisUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = await begin(sut)
    token = (await sut.store.changed_since(ADA, "")).token
    with monkeypatch.context() as dying:
        dying.setattr(sut.link, "run", Dies(sut, "note").run)
        with pytest.raises(StoreUnavailable):
            await writer.end()
    assert not (await sut.store.changed_since(ADA, token)).jobs
    await sut.advance(sut.times.ttl * 1.1)
    await sut.store.abandoned()
    (changed,) = (await sut.store.changed_since(ADA, token)).jobs
    assert changed == (await sut.store.get(JOB)).job
    assert await _listed(sut, *table_module.OPEN) == []


async def test_a_repeated_append_tells_what_the_first_one_could_not(
    sut: RedisUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = await begin(sut)
    token = (await sut.store.changed_since(ADA, "")).token
    with monkeypatch.context() as failing:
        failing.setattr(sut.link, "run", Dies(sut, "note").run)
        with pytest.raises(StoreUnavailable):
            await writer.end()
    await writer.end()
    assert [job.id for job in (await sut.store.changed_since(ADA, token)).jobs] == [JOB]


async def test_long_lists_and_many_changes_are_read_in_parts(
    sut: RedisUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_module, "AT_ONCE", 7)
    token = (await sut.store.changed_since(ADA, "")).token
    ids = [f"{number:032x}" for number in range(40)]
    for number, job_id in enumerate(ids):
        job = a_job(sut, job_id, conversation_id=f"c{number % 3}")
        await sut.store.create(job, b"", batch(f"e{number}", 0, "a"), digest=b"", ttl=sut.times.ttl)
    for job_id in ids[::4]:
        await sut.store.delete(job_id)
    left = set(ids) - set(ids[::4])
    changes = await sut.store.changed_since(ADA, token)
    assert ({job.id for job in changes.jobs}, set(changes.removed)) == (left, set(ids[::4]))
    assert not (await sut.store.changed_since(ADA, changes.token)).jobs
    third = await sut.store.list(JobQuery(Scope("ada", "c2"), page_size=100))
    assert [job.id for job in third.jobs] == sorted(left & set(ids[2::3]), reverse=True)


async def test_a_token_from_before_what_is_remembered_of_the_gone_resets(
    sut: RedisUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "MAX_GONE", 3)
    token = (await sut.store.changed_since(ADA, "")).token
    for number in range(5):
        await begin(sut, job_id=f"{number:032x}", epoch=f"e{number}")
        await sut.store.delete(f"{number:032x}")
    assert (await sut.store.changed_since(ADA, token)).reset
    assert not (await sut.store.changed_since(ADA, (await sut.store.changed_since(ADA, "")).token)).reset


async def test_a_safety_time_is_kept_by_keys_that_live_longer(sut: RedisUnderTest) -> None:
    writer = await begin(sut)
    for _ in range(6):
        await sut.advance(sut.times.safety * 0.6)
        await writer.say("on")
    await sut.advance(sut.times.safety * 0.9)
    assert (await sut.store.get(JOB)).job.last_offset == writer.last
    ages = [await sut.client.pttl(key) for key in await sut.client.keys(f"{PREFIX}:{{{JOB}}}:*")]
    assert all(timedelta(milliseconds=age) <= 2 * sut.times.safety for age in ages)
