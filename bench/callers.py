"""A caller in a process of its own: one call after the other, each timed."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc

from bench import worker
from bench.readers import LOCAL, START
from bench.rig import STREAM
from bench.speaker import Script
from streamsvc.client import Client
from streamsvc.v1 import event_pb2, job_service_pb2, state_pb2

BARE_START, BARE_STREAM = "/bare.Bare/Start", "/bare.Bare/Stream"
STATE = "/streamsvc.v1.JobService/GetJobState"
MODES = {"replay": job_service_pb2.CATCH_UP_MODE_REPLAY, "snapshot": job_service_pb2.CATCH_UP_MODE_SNAPSHOT}

_channels: dict[str, grpc.aio.Channel] = {}
_clients: dict[str, Client] = {}


async def first_events(target: str, jobs: int, bare: bool) -> list[list[float]]:
    """Start so many jobs, one after the other. Returns the milliseconds of each: of the start call, from there to the
    stream's first message, from there to the first text, and of it all.
    """
    request = b"" if bare else Script(1).request().SerializeToString()
    found = []
    for _ in range(jobs):
        began = time.monotonic_ns()
        answer = await _unary(target, BARE_START if bare else START, request)
        started = time.monotonic_ns()
        job_id = b"" if bare else job_service_pb2.StartGenerationResponse.FromString(answer).job.id
        first = said = 0
        async for message in _stream(target, "" if bare else str(job_id), "replay"):
            now = time.monotonic_ns()
            first = first or now
            if not said and _has_text(message):
                said = time.monotonic_ns()
        times = (started - began, first - started, said - first, said - began)
        found.append([time_ns / 1e6 for time_ns in times])
    return found


async def start(target: str, script: dict[str, Any]) -> str:
    """Start a job and return its id."""
    answer = await _unary(target, START, Script(**script).request().SerializeToString())
    return job_service_pb2.StartGenerationResponse.FromString(answer).job.id


async def work(target: str, script: dict[str, Any], jobs: int) -> list[str]:
    """Have so many jobs run to their end, one after the other, and return their ids."""
    job_ids = []
    for _ in range(jobs):
        job_ids.append(await start(target, script))
        async for _message in _stream(target, job_ids[-1], "replay"):
            pass
    return job_ids


async def together(target: str, script: dict[str, Any], jobs: int) -> list[float]:
    """Have so many jobs run at once. Returns how many seconds each took, from its first event to its last."""
    job_ids = await asyncio.gather(*(start(target, script) for _ in range(jobs)))
    await asyncio.gather(*(_to_the_end(target, job_id) for job_id in job_ids))
    took = []
    for job_id in job_ids:
        answer = await _unary(target, STATE, job_service_pb2.GetJobStateRequest(job_id=job_id).SerializeToString())
        job = job_service_pb2.GetJobStateResponse.FromString(answer).state.job
        took.append((job.complete_time.ToMicroseconds() - job.create_time.ToMicroseconds()) / 1e6)
    return took


async def _to_the_end(target: str, job_id: str) -> None:
    async for _ in _stream(target, job_id, "replay"):
        pass


async def states(target: str, job_ids: list[str]) -> None:
    """Ask for the state of each job."""
    for job_id in job_ids:
        await _unary(target, STATE, job_service_pb2.GetJobStateRequest(job_id=job_id).SerializeToString())


async def appends(target: str, job_id: str) -> dict[str, int]:
    """Return how many events a job has, and in how many appends they came: the first of each has a time."""
    messages = [message async for message in _stream(target, job_id, "replay")]
    events = job_service_pb2.StreamJobResponse.FromString(b"".join(messages)).events
    return {"events": len(events), "appends": sum(event.HasField("create_time") for event in events)}


async def catch_up(target: str, job_id: str, mode: str) -> float:
    """Take all of a finished job, without decoding it. Returns the milliseconds."""
    began = time.perf_counter()
    async for _ in _stream(target, job_id, mode):
        pass
    return (time.perf_counter() - began) * 1e3


async def decode(target: str, job_id: str, mode: str, characters: int) -> float:
    """Take so much text of a job, running or finished, with the client library. Returns the milliseconds."""
    client = _clients.setdefault(target, Client(target))
    began, found = time.perf_counter(), 0
    async with client.stream(job_id, catch_up=MODES[mode]) as stream:
        async for item in stream:
            if isinstance(item, event_pb2.Event):
                found += len(item.text_delta.text)
            elif isinstance(item, state_pb2.JobState):
                found = sum(len(part.text.text) for part in item.parts)
            if found == characters:
                break
    assert found == characters, "the text is not what was said"
    return (time.perf_counter() - began) * 1e3


def _has_text(message: bytes) -> bool:
    return any(event.HasField("text_delta") for event in job_service_pb2.StreamJobResponse.FromString(message).events)


def _unary(target: str, method: str, request: bytes) -> grpc.aio.UnaryUnaryCall[bytes, bytes]:
    callable_: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = _channel(target).unary_unary(method)
    return callable_(request)


def _stream(target: str, job_id: str, mode: str) -> grpc.aio.UnaryStreamCall[bytes, bytes]:
    """Call StreamJob, or without a job the bare server's stream."""
    request = job_service_pb2.StreamJobRequest(job_id=job_id, catch_up=MODES[mode]).SerializeToString()
    method = STREAM if job_id else BARE_STREAM
    callable_: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = _channel(target).unary_stream(method)
    return callable_(request)


def _channel(target: str) -> grpc.aio.Channel:
    if target not in _channels:
        _channels[target] = grpc.aio.insecure_channel(target, options=LOCAL)
    return _channels[target]


if __name__ == "__main__":
    commands = (first_events, start, work, together, states, appends, catch_up, decode)
    worker.main({command.__name__: command for command in commands})
