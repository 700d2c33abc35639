"""How a stream of responses is read: whoever leaves ends the call, and never the read that is under way."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Any, cast

import grpc
import pytest

from streamsvc.client.errors import Silent
from streamsvc.client.links import Link, Links
from streamsvc.client.reading import responses


class Call:
    """A call that answers once and then waits; `ended` is how the read after that ended."""

    def __init__(self) -> None:
        self.reads = 0
        self.waits, self.ended = asyncio.Event(), ""
        self._cancelled = asyncio.Event()

    async def read(self) -> Any:
        """Answer, or wait until the call is cancelled."""
        self.reads += 1
        if self.reads == 1:
            return "first"
        self.waits.set()
        try:
            await self._cancelled.wait()
        except asyncio.CancelledError:
            self.ended = "cancelled itself"
            raise
        self.ended = "with the call"
        return grpc.aio.EOF

    def cancel(self) -> None:
        """End the call."""
        self._cancelled.set()


class Noting:
    """Links that take note of failures only."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []

    def failed(self, _: object, error: Exception) -> None:
        """Take note."""
        self.errors.append(error)


async def read_all(call: Call, links: Noting, silence: float) -> list[object]:
    """Read to the end."""
    stream = responses(cast(Links, links), cast(Link, None), cast(Any, call), silence)
    async with aclosing(stream) as answers:
        return [answer async for answer in answers]


async def test_a_reader_that_is_cancelled_lets_its_read_end_with_the_call() -> None:
    call, links = Call(), Noting()
    task = asyncio.ensure_future(read_all(call, links, 60))
    await call.waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    assert (call.ended, links.errors) == ("with the call", [])


async def test_a_silence_ends_the_call_and_not_the_read() -> None:
    call, links = Call(), Noting()
    with pytest.raises(Silent):
        await read_all(call, links, 0.01)
    await asyncio.sleep(0)
    assert call.ended == "with the call"
    assert [type(error) for error in links.errors] == [Silent]


class Punctual(Call):
    """A call whose next answer is there long before a silence has passed, if only this process looked."""

    async def read(self) -> Any:
        """Answer at once, then soon, then end."""
        self.reads += 1
        if self.reads == 2:
            there = asyncio.Event()
            asyncio.get_running_loop().call_later(0.01, there.set)
            asyncio.get_running_loop().call_soon(time.sleep, 0.2)
            await there.wait()
            for _ in range(3):  # what gRPC has taken from a socket comes some turns of the loop later
                await asyncio.sleep(0)
        return ("first", "second", grpc.aio.EOF)[self.reads - 1]


async def test_time_in_which_this_process_stands_still_is_no_silence_of_the_other_side() -> None:
    links = Noting()
    assert await read_all(Punctual(), links, 0.1) == ["first", "second"]
    assert links.errors == []
