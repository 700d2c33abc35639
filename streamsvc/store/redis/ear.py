"""One subscriber connection to one server, kept open while anything is to be heard there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from streamsvc.backoff import Backoff
from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.failures import CUT_OFF, NO_ANSWER
from streamsvc.store.redis.wire import Dial, Reply, Wire, pack

ROUND_TIMEOUT = 2.0
IDLE = 3.0
"""Seconds after which a connection that has nothing to say is asked whether it is alive."""
LINGER = 5
"""Closed after so many idle times without a channel."""

_BACKOFF = Backoff(maximum=timedelta(seconds=1))


class Channel:
    """A channel that somebody listens to. `live` once the server has confirmed it; `missed` after it was not."""

    __slots__ = ("ear", "listeners", "live", "missed", "name")

    def __init__(self, name: bytes, ear: Ear) -> None:
        self.name = name
        self.ear = ear
        self.listeners = 0
        self.live = asyncio.Event()
        self.missed = False


class Ear:
    """Subscribes and unsubscribes in rounds: all changes since the last round, then PING, until its answer is here.

    So a channel's changes never overtake each other, thousands of them share a round trip, and what the server has
    not confirmed by the PONG it has refused.

    `tell` gets what is said, and None for a channel that was away. `astray` gets channels that this server refuses,
    or all when it is out of reach, and moves those that live elsewhere. `ended` is called when the connection is
    closed, some time after the last channel was removed.
    """

    def __init__(
        self,
        dial: Dial,
        tell: Callable[[bytes, bytes | None], None],
        astray: Callable[[Sequence[Channel]], Awaitable[None]],
        ended: Callable[[], object],
        random: Callable[[], float],
    ) -> None:
        self._dial = dial
        self._tell = tell
        self._astray = astray
        self._ended = ended
        self._random = random
        self._attempt = 0
        self._wanted: dict[bytes, Channel] = {}
        self._subscribed: set[bytes] = set()
        self._changed: set[bytes] = set()
        self._news = asyncio.Event()
        self._pong: asyncio.Future[None] | None = None
        self._broken = False
        self._task: asyncio.Task[None] | None = None

    def add(self, channel: Channel) -> None:
        """Begin to listen: `channel.live` is set once the server has confirmed it."""
        self._wanted[channel.name] = channel
        if channel.name in self._subscribed:
            self._confirmed(channel)
        else:
            self._change(channel.name)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._listen())

    def remove(self, channel: Channel) -> None:
        """Listen to it no more."""
        del self._wanted[channel.name]
        self._change(channel.name)

    async def close(self) -> None:
        """Close the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _pause(self) -> float:
        return _BACKOFF.delay(self._attempt, random=self._random).total_seconds()

    def _change(self, name: bytes) -> None:
        self._changed.add(name)
        self._news.set()

    async def _listen(self) -> None:
        try:
            while True:
                try:
                    await self._connected()
                    return
                except StoreUnavailable:
                    self._attempt += 1
                if not self._wanted:
                    return
                await self._astray([*self._wanted.values()])
                await asyncio.sleep(self._pause())
        finally:
            self._task = None
            self._ended()

    async def _connected(self) -> None:
        """Connect, and keep up what is wanted. Returns once nothing is. Raises StoreUnavailable."""
        wire = await self._dial()
        try:
            wire.use(self._heard, self._lost)
            self._broken = False
            self._changed = set(self._wanted)
            await self._rounds(wire)
        finally:
            wire.drop()
            self._silenced(self._subscribed)

    async def _rounds(self, wire: Wire) -> None:
        """Keep the subscriptions as they are wanted, until there have been none for a while."""
        quiet = 0
        while quiet < LINGER:
            self._news.clear()
            refused = await self._round(wire)
            self._attempt = self._attempt + 1 if refused else 0
            try:
                async with asyncio.timeout(self._pause() if refused else IDLE):
                    await self._news.wait()
            except TimeoutError:
                quiet += 1
            if self._wanted:
                quiet = 0

    async def _round(self, wire: Wire) -> bool:
        """Make all changes. Tell whether the server refused any: those stay changed. Raises StoreUnavailable."""
        if self._broken:
            raise StoreUnavailable(CUT_OFF)
        changed, self._changed = self._changed, set()
        asked = [name for name in changed if name in self._wanted and name not in self._subscribed]
        gone = [name for name in changed if name not in self._wanted and name in self._subscribed]
        self._subscribed.difference_update(gone)
        commands = [(b"SSUBSCRIBE", name) for name in asked] + [(b"SUNSUBSCRIBE", name) for name in gone]
        wire.write(b"".join(map(pack, [*commands, (b"PING",)])))
        self._pong = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ROUND_TIMEOUT):
                await self._pong
        except TimeoutError:
            raise StoreUnavailable(NO_ANSWER) from None
        finally:
            self._pong = None
        refused = [name for name in asked if name in self._wanted and name not in self._subscribed]
        if refused:
            await self._astray([self._wanted[name] for name in refused])
            self._changed.update(name for name in refused if name in self._wanted)
        return bool(refused)

    def _heard(self, reply: Reply) -> None:
        kind = reply[0] if isinstance(reply, list) else reply
        if kind == b"smessage":
            self._tell(reply[1], reply[2])
        elif kind == b"ssubscribe":
            self._subscribed.add(reply[1])
            if channel := self._wanted.get(reply[1]):
                self._confirmed(channel)
        elif kind == b"sunsubscribe":
            # Of one that is still subscribed nobody asked it: the slot has moved.
            if reply[1] in self._subscribed:
                self._silenced({reply[1]})
                self._change(reply[1])
        elif kind in (b"pong", b"PONG") and self._pong is not None and not self._pong.done():
            self._pong.set_result(None)

    def _lost(self) -> None:
        self._broken = True
        self._news.set()
        if self._pong is not None and not self._pong.done():
            self._pong.set_exception(StoreUnavailable(CUT_OFF))

    def _confirmed(self, channel: Channel) -> None:
        channel.live.set()
        if channel.missed:
            channel.missed = False
            self._tell(channel.name, None)

    def _silenced(self, names: set[bytes]) -> None:
        for name in names:
            if channel := self._wanted.get(name):
                channel.live.clear()
                channel.missed = True
        self._subscribed = self._subscribed - names
