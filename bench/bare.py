"""The bare ceiling: a grpc.aio server with nothing but bytes and cursors, in a process of its own."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import grpc

from bench import worker
from bench.speaker import Script, text, until
from streamsvc import codec
from streamsvc.producers import parts

FRAME = b"\x0a\x1e\x08\x80\x01" + b"x" * 27
"""32 bytes, about the frame of a delta of 20 bytes."""

JOIN = 64 * 1024
BURST = 10
"""Deltas an append, where they come as fast as they go."""


@dataclass
class Log:
    """All bytes so far. A reader holds nothing but its position in them."""

    frames: bytearray = field(default_factory=bytearray)
    closed: bool = False
    waiting: list[asyncio.Future[None]] = field(default_factory=list)

    def append(self, frames: bytes) -> None:
        """Add frames, and wake all who wait."""
        self.frames += frames
        self.wake()

    def wake(self) -> None:
        """Wake all who wait."""
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


class Bare:
    """One log at a time; every call follows the one that is there as it comes."""

    def __init__(self) -> None:
        self.log = Log()
        self.server: grpc.aio.Server | None = None
        self.began_ns = 0
        self.task: asyncio.Task[None] | None = None
        self.script = Script()
        self.texts: list[str] = []

    async def stream(self, _: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        """Send the log to its end. An empty message first: the caller is there."""
        log, position = self.log, 0
        await context.write(b"")
        while True:
            if len(log.frames) > position:
                data = bytes(log.frames[position : position + JOIN])
                position += len(data)
                await context.write(data)
            elif log.closed:
                return
            else:
                future = asyncio.get_running_loop().create_future()
                log.waiting.append(future)
                await future

    async def start(self, request: bytes, _: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        """Answer at once."""
        return request

    async def listen(self) -> str:
        """Start on a free port, and return the address."""
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Start": grpc.unary_unary_rpc_method_handler(self.start),
            "Stream": grpc.unary_stream_rpc_method_handler(self.stream),
        }
        server = self.server = grpc.aio.server()  # here, since it belongs to the running loop
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bare.Bare", methods),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return f"127.0.0.1:{port}"

    async def prepare(self, script: dict[str, Any], built: bool = False) -> None:
        """Begin a new log. `built`: each event is made and encoded, as a producer and a log need it."""
        self.log, self.script = Log(), Script(**script)
        # A model's words come for nothing: only what is made of them is measured.
        self.texts = [text(number) for number in range(self.script.deltas)] if built else []

    async def go(self) -> None:
        """Say what was prepared."""
        self.task = asyncio.create_task(self._say(self.script))

    async def sample(self) -> dict[str, Any]:
        """Return the processor time so far, and when the last log began to be said."""
        return {"cpu_ns": time.process_time_ns(), "began_ns": self.began_ns}

    async def _say(self, script: Script) -> None:
        self.began_ns = time.monotonic_ns()
        for number in range(0, script.deltas, 1 if script.rate else BURST):
            if script.rate:
                await until(self.began_ns, number / script.rate)
                self.log.append(_stamped(number))
            elif script.stamps:
                self.log.append(_stamped(number))
            elif self.texts:
                events = [parts.text_delta(0, said) for said in self.texts[number : number + BURST]]
                self.log.append(codec.encode(events, number))
                await asyncio.sleep(0)
            else:
                self.log.append(FRAME * BURST)
                await asyncio.sleep(0)
        if not script.hangs:
            self.log.closed = True
            self.log.wake()


def _stamped(number: int) -> bytes:
    return codec.encode([parts.text_delta(0, text(time.monotonic_ns()))], number)


if __name__ == "__main__":
    _bare = Bare()
    worker.main({"listen": _bare.listen, "prepare": _bare.prepare, "go": _bare.go, "sample": _bare.sample})
