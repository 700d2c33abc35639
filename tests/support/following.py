"""Readers over a real connection, each of which keeps a record for the checker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from streamsvc.client import Client, Cursor
from streamsvc.fold import Fold
from streamsvc.log import START
from streamsvc.v1 import event_pb2, state_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.checker import Item, Record, check, comparable
from tests.support.length import PATIENCE

LIMIT = 40.0 * PATIENCE
"""How long, in seconds, anybody may follow a job."""

REPLAY = pb.CATCH_UP_MODE_REPLAY


class Follower:
    """Follows a job to its end, in a task of its own."""

    def __init__(
        self,
        client: Client,
        job_id: str,
        name: str,
        *,
        cursor: Cursor = START,
        catch_up: pb.CatchUpMode.ValueType = REPLAY,
        before: list[Item] | None = None,
    ) -> None:
        self.stream = client.stream(job_id, cursor, catch_up=catch_up)
        self.record = Record(name, [*(before or ())])
        self._more = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            async with asyncio.timeout(LIMIT), self.stream:
                async for item in self.stream:
                    self.record.items.append(item)
                    self._more.set()
        except TimeoutError:
            raise AssertionError(f"{self.record.name} hangs at {self.stream.cursor}") from None
        finally:
            self.record.reconnects = self.stream.reconnects
            self._more.set()

    async def done(self) -> Record:
        """Wait for the end, and return what was seen."""
        await self.task
        return self.record

    async def until(self, condition: Callable[[Record], bool]) -> Record:
        """Wait until so much was seen."""
        while not condition(self.record):
            if self.task.done():
                await self.task
                raise AssertionError(f"{self.record.name} ended before that, at {self.stream.cursor}")
            self._more.clear()
            await self._more.wait()
        return self.record

    async def leave(self) -> Record:
        """Stop in the middle, and return what was seen."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        return self.record


async def whole(client: Client, job_id: str) -> list[event_pb2.Event]:
    """Return what a reader from 0 gets now."""
    return (await Follower(client, job_id, "a later reader").done()).events


async def obey(
    client: Client, job_id: str, followers: list[Follower], *, snapshots: bool = False, cause: str = ""
) -> state_pb2.JobState:
    """Wait for all followers, and check the law. Returns the job's state.

    With `snapshots` the log may have been trimmed: where a later reader gets a snapshot too, a reader that was shown
    all events stands for the log, and who was shown a snapshot must hold the same state.
    """
    records = [await follower.done() for follower in followers]
    state = await client.state(job_id)
    later = await Follower(client, job_id, "a later reader").done()
    if not (snapshots and later.snapshots):
        check(records, later.events, state, snapshots=snapshots, cause=cause)
        return state
    for record in (later, *records):
        assert comparable(folded_items(record.items)) == comparable(state), record.name
    for record in records:
        if not record.snapshots:
            check(records, record.events, state, snapshots=True, cause=cause)
    return state


def folded_items(items: list[Item]) -> state_pb2.JobState:
    """Return the state that a reader holds who was shown `items`."""
    fold = Fold()
    for item in items:
        if isinstance(item, event_pb2.Event):
            fold.apply([item])
        else:
            fold = Fold(item)
    return fold.state()
