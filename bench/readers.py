"""Many readers at once, in a process of their own: raw, stamped, through the client library, idle or stalled."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc

from bench import worker
from bench.speaker import Script, text
from streamsvc.client import Client
from streamsvc.v1 import event_pb2, job_service_pb2

Channel = grpc.aio.Channel
Responses = grpc.aio.UnaryStreamCall[bytes, bytes]
Method = grpc.aio.UnaryStreamMultiCallable[bytes, bytes]

START = "/streamsvc.v1.JobService/StartGeneration"
OPEN_AT_ONCE = 200
LOCAL = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 16 * 1024 * 1024)]
"""A connection for each channel, as different clients have it."""

_channels: dict[tuple[str, int], Channel] = {}
_reading: list[asyncio.Task[int]] = []
_held: list[Responses] = []
_kept: list[bytes] = []
_stamps: list[int] = []
_messages = 0


async def start(target: str, script: dict[str, Any]) -> str:
    """Start a job and return its id."""
    request = Script(**script).request()
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = _channel(target, 0).unary_unary(START)
    answer = await call(request.SerializeToString())
    return job_service_pb2.StartGenerationResponse.FromString(answer).job.id


async def open_readers(
    target: str, method: str, request: str, readers: int, channels: int = 4, mode: str = "raw"
) -> None:
    """Open so many calls, and return when each has had its first message.

    `mode`: raw counts bytes and keeps those of the first reader; stamped decodes as it reads; held reads no further.
    """
    _forget()
    limit = asyncio.Semaphore(OPEN_AT_ONCE)

    async def one(number: int) -> None:
        async with limit:
            method_of: Method = _channel(target, number % channels).unary_stream(method)
            call = method_of(bytes.fromhex(request))
            first = await call.read()
            assert isinstance(first, bytes), "a call ended before its first message"
        if mode == "held":
            _held.append(call)
        elif mode == "stamped":
            _reading.append(asyncio.create_task(_read_stamped(call)))
        else:
            _reading.append(asyncio.create_task(_read(call, first, keep=number == 0)))

    await asyncio.gather(*(one(number) for number in range(readers)))


async def finish(check: int = 0) -> dict[str, Any]:
    """Wait for the end of all calls. With `check`, see that so many deltas came whole to all of them."""
    assert not any(call.done() for call in _held), "a reader that should stall has taken everything"
    sizes = await asyncio.gather(*_reading)
    end_ns = time.monotonic_ns()
    events = _checked(b"".join(_kept), check) if check else 0
    assert len(set(sizes)) <= 1, "readers differ"
    return {"end_ns": end_ns, "messages": _messages, "events": events, "latencies": sorted(_stamps)}


async def _read(call: Responses, first: bytes, *, keep: bool) -> int:
    global _messages
    size = len(first)
    kept = _kept if keep else None
    if kept is not None:
        kept.append(first)
    while isinstance(message := await call.read(), bytes):
        size += len(message)
        _messages += 1
        if kept is not None:
            kept.append(message)
    return size


async def _read_stamped(call: Responses) -> int:
    deltas = 0
    while isinstance(message := await call.read(), bytes):
        events = job_service_pb2.StreamJobResponse.FromString(message).events
        now = time.monotonic_ns()
        # A merged delta holds several times: on a busy machine the producer has to catch up.
        said = [now - int(stamp) for event in events for stamp in event.text_delta.text.split()]
        _stamps.extend(said)
        deltas += len(said)
    return deltas


def _checked(message: bytes, deltas: int) -> int:
    """Return how many events a reader got, all of them and in order."""
    response = job_service_pb2.StreamJobResponse.FromString(message)
    offsets = [event.offset for event in response.events]
    assert offsets == list(range(1, len(offsets) + 1)), "events are missing or doubled"
    assert response.closed, "the final event is missing"
    assert response.last_offset == offsets[-1], "the final event is missing"
    said = "".join(event.text_delta.text for event in response.events if event.HasField("text_delta"))
    assert said == "".join(text(number) for number in range(deltas)), "the text is not what was said"
    return len(offsets)


async def follow(target: str, job_id: str) -> None:
    """Begin to follow a job with the client library. `finish` tells how many characters came, as messages."""
    _forget()
    begun = asyncio.get_running_loop().create_future()
    reading = asyncio.create_task(_follow(target, job_id, begun))
    _reading.append(reading)
    # A stream that fails before its first event must not be waited for.
    await asyncio.wait({reading, begun}, return_when=asyncio.FIRST_COMPLETED)


async def _follow(target: str, job_id: str, begun: asyncio.Future[None]) -> int:
    global _messages
    async with Client(target) as client, client.stream(job_id) as stream:
        async for item in stream:
            if not begun.done():
                begun.set_result(None)
            if isinstance(item, event_pb2.Event):
                _messages += len(item.text_delta.text)
    return 0


def _forget() -> None:
    global _messages
    for one in (_reading, _held, _kept, _stamps):
        one.clear()
    _messages = 0


def _channel(target: str, number: int) -> Channel:
    if (target, number) not in _channels:
        _channels[target, number] = grpc.aio.insecure_channel(target, options=LOCAL)
    return _channels[target, number]


if __name__ == "__main__":
    worker.main({"start": start, "open": open_readers, "finish": finish, "follow": follow})
