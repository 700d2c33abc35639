"""A lane whose writes count only once replicas have them: WAIT at the end of each round trip."""

from __future__ import annotations

from functools import cache

import hiredis

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.failures import TOO_FEW_REPLICAS
from streamsvc.store.redis.lane import Call, Lane
from streamsvc.store.redis.scripts import Script
from streamsvc.store.redis.wire import Dial, Reply

WAIT_MS = 1000


class ReplicatedLane(Lane):
    """Answers a call that may have written when `min_replicas` replicas have acknowledged all up to it.

    If too few do so within `WAIT_MS`, the call fails with StoreUnavailable, although the primary has made the write:
    as after a broken connection the caller does not know, and repeats.
    """

    def __init__(self, dial: Dial, min_replicas: int) -> None:
        super().__init__(dial)
        self._min_replicas = min_replicas
        self._wait: Call | None = None
        self._held: list[tuple[Call, Reply]] = []

    def _pack(self) -> list[bytes]:
        packed = super()._pack()
        if any(call is not None and _may_write(call.script) for call in self._sent):
            self._wait = Call((b"WAIT", self._min_replicas, WAIT_MS), None)
            packed.append(self._packed(self._wait))
        return packed

    def _answered(self, call: Call, reply: Reply) -> None:
        if call is self._wait:
            self._release(reply >= self._min_replicas)
        elif _may_write(call.script):
            self._held.append((call, reply))
        else:
            call.answer(reply)

    def _refused(self, call: Call, error: hiredis.ReplyError) -> None:
        if call is self._wait:
            self._release(False)
        else:
            super()._refused(call, error)

    def _release(self, enough: bool) -> None:
        self._wait = None
        for call, reply in self._held:
            if enough:
                call.answer(reply)
            else:
                call.fail(StoreUnavailable(TOO_FEW_REPLICAS))
        self._held.clear()

    def _fail(self, why: str) -> None:
        self._sent.extendleft(call for call, _ in self._held)
        self._held.clear()
        if self._wait is not None:
            self._wait.future.cancel()
        self._wait = None
        super()._fail(why)


@cache
def _may_write(script: Script | None) -> bool:
    return script is not None and b"no-writes" not in script.source.partition(b"\n")[0]
