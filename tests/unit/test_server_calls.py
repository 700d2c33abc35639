"""Calls whose callers have left: they are done whole, and what goes wrong in them then is told where it belongs."""

from __future__ import annotations

import asyncio
import gc
import logging
from datetime import timedelta
from typing import Any, cast

import pytest

from streamsvc.errors import StoreUnavailable
from streamsvc.jobs.chance import Chance
from streamsvc.server.calls import Calls, Context
from streamsvc.v1 import job_service_pb2 as pb


class Somebody:
    """The caller, as gRPC shows it."""

    def peer(self) -> str:
        """Return where it is."""
        return "ipv4:127.0.0.1:1"


async def left_and_failed(error: Exception) -> None:
    """Have a caller leave, and then its call fail."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def handler(_: object, __: object) -> Any:
        begun.set()
        await go_on.wait()
        raise error

    serve = Calls(Chance(), timedelta(seconds=1)).unary("GetJobState", handler)
    calling = asyncio.ensure_future(serve(pb.GetJobStateRequest(), cast(Context, Somebody())))
    await begun.wait()
    calling.cancel()
    await asyncio.wait({calling})
    working = asyncio.all_tasks() - {asyncio.current_task()}
    go_on.set()
    await asyncio.wait(working)
    working.clear()
    gc.collect()


async def test_an_error_that_was_for_the_caller_is_no_alarm(caplog: pytest.LogCaptureFixture) -> None:
    await left_and_failed(StoreUnavailable("out of reach"))
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_bug_stands_in_the_log_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    await left_and_failed(ValueError("what was said"))
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "GetJobState failed with ValueError, incident" in record.getMessage()
    assert "what was said" not in caplog.text
