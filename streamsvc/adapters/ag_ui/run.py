"""A job as an AG-UI run, item by item."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable

from ag_ui import core

from streamsvc.adapters.ag_ui.telling import Telling
from streamsvc.v1 import event_pb2, state_pb2


async def to_ag_ui(
    items: AsyncIterable[event_pb2.Event | state_pb2.JobState], run: core.RunAgentInput | None = None
) -> AsyncGenerator[core.BaseEvent, None]:
    """Tell of a job as of an AG-UI run, to its end.

        stream = client.stream(job.id, catch_up=CATCH_UP_MODE_SNAPSHOT)
        async for event in to_ag_ui(stream, run):
            yield encoder.encode(event)

    `items` begin at the job's beginning, or with a snapshot; the run begins with a snapshot of the messages. `run` is
    what the client has sent: it names the run, and holds the conversation before the answer. Without it the run is
    named after the job, and the conversation begins with what the job was asked.
    """
    telling = Telling(run.thread_id, run.run_id, run.messages) if run else Telling("", "", None)
    async for item in items:
        for event in telling.of(item):
            yield event
