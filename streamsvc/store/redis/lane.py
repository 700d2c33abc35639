"""One connection that many calls share: while one round trip is under way, the next gathers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import hiredis

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.failures import CUT_OFF, ELSEWHERE, NO_ANSWER, OUT_OF_REACH, code_of, failure_of
from streamsvc.store.redis.scripts import Script
from streamsvc.store.redis.silence import Silence
from streamsvc.store.redis.wire import Dial, Reply, Wire, Words, pack

REPLY_TIMEOUT = 5.0


class Call:
    """A command and the future of its reply. With a `script`, the words are what follows EVALSHA and the digest."""

    __slots__ = ("asking", "future", "script", "words")

    def __init__(self, words: Words, script: Script | None, asking: bool = False) -> None:
        self.words = words
        self.script = script
        self.asking = asking
        self.future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def answer(self, reply: Reply) -> None:
        """Hand the reply to the caller, unless that has gone."""
        if not self.future.done():
            self.future.set_result(reply)

    def fail(self, error: Exception) -> None:
        """Raise an error in the caller, unless that has gone."""
        if not self.future.done():
            self.future.set_exception(error)


class Lane:
    """Calls to one server, sent in the order in which they came and answered as the replies arrive.

    Connects at the first call. When the connection breaks, or `REPLY_TIMEOUT` seconds pass without a byte while a reply
    is due, all calls in flight and in the queue fail, and the next one connects again. Cancelling a call leaves the
    others alone. A script is sent whole once a connection and then by its digest; where the server has forgotten it,
    the call goes again, before those that have gathered.
    """

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        self._queue: deque[Call] = deque()
        self._sent: deque[Call | None] = deque()  # None: a reply that nobody waits for
        self._again: list[Call] = []
        self._known: set[bytes] = set()
        self._wire: Wire | None = None
        self._busy = False
        self._stale = False
        self._closed = False
        self._connecting: asyncio.Task[None] | None = None
        self._silence = Silence(REPLY_TIMEOUT, lambda: self._fail(NO_ANSWER))

    def run(
        self, script: Script, keys: Sequence[bytes], args: Sequence[bytes], *, asking: bool = False
    ) -> asyncio.Future[Reply]:
        """Return the future reply of a script. `asking`: the server does not own the keys yet, but was named for them.

        Its errors: StoreUnavailable, Redirected, a ReplyError (a bug).
        """
        return self._add(Call((len(keys), *keys, *args), script, asking))

    def command(self, *words: bytes | int) -> asyncio.Future[Reply]:
        """Return the future reply of a command. Its errors are those of `run`."""
        return self._add(Call(words, None))

    async def close(self) -> None:
        """Close the connection. Calls fail from now on."""
        self._closed = True
        self._fail(OUT_OF_REACH)
        self._silence.close()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])

    def _add(self, call: Call) -> asyncio.Future[Reply]:
        self._queue.append(call)
        if not self._busy:
            self._busy = True
            # Not at once: what else is called in this turn of the loop comes along.
            asyncio.get_running_loop().call_soon(self._flush)
        return call.future

    def _flush(self) -> None:
        if self._closed:
            self._fail(OUT_OF_REACH)
        elif not self._queue:
            self._busy = False
        elif self._wire is None:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
        else:
            packed = self._pack()
            self._busy = bool(packed)
            if packed:
                self._wire.write(b"".join(packed))
                self._silence.begin(self._wire)

    def _pack(self) -> list[bytes]:
        """Take all calls from the queue whose callers still wait, and return their bytes."""
        packed = [self._packed(call) for call in self._queue if not call.future.done()]
        self._queue.clear()
        return packed

    def _packed(self, call: Call) -> bytes:
        prefix = b""
        if call.asking:
            self._sent.append(None)
            prefix = pack((b"ASKING",))
        self._sent.append(call)
        script = call.script
        if script is None:
            return prefix + pack(call.words)
        if script.sha in self._known:
            return prefix + pack((b"EVALSHA", script.sha, *call.words))
        self._known.add(script.sha)
        return prefix + pack((b"EVAL", script.source, *call.words))

    async def _connect(self) -> None:
        try:
            self._wire = await self._dial()
            self._wire.use(self._heard, lambda: self._fail(CUT_OFF))
        except StoreUnavailable as failed:
            self._fail(failed.message)
        except BaseException:
            self._fail(OUT_OF_REACH)
            raise
        else:
            self._flush()

    def _heard(self, reply: Reply) -> None:
        call = self._sent.popleft()
        if call is None:
            return
        if type(reply) is hiredis.ReplyError:
            self._refused(call, reply)
        else:
            self._answered(call, reply)
        if not self._sent:
            self._turn()

    def _answered(self, call: Call, reply: Reply) -> None:
        call.answer(reply)

    def _refused(self, call: Call, error: hiredis.ReplyError) -> None:
        code = code_of(error)
        if code == "NOSCRIPT" and call.script is not None:
            self._known.discard(call.script.sha)
            self._again.append(call)
        else:
            call.fail(failure_of(error))
        self._stale = self._stale or code in ELSEWHERE

    def _turn(self) -> None:
        """All replies are here: what has gathered goes next."""
        self._silence.end()
        if self._again:
            self._queue.extendleft(reversed(self._again))
            self._again.clear()
        if self._stale:
            self._hang_up()
        # Not at once: those who have just been answered may have more to say.
        asyncio.get_running_loop().call_soon(self._flush)

    def _hang_up(self) -> None:
        if self._wire is not None:
            self._wire.drop()
        self._wire = None
        self._stale = False
        self._known.clear()

    def _fail(self, why: str) -> None:
        self._hang_up()
        self._silence.end()
        calls = [*self._sent, *self._again, *self._queue]
        for waiting in (self._sent, self._again, self._queue):
            waiting.clear()
        self._busy = False
        for call in calls:
            if call is not None:
                call.fail(StoreUnavailable(why))
