"""An AG-UI agent behind the service and an AG-UI client before it: a question, and the first of two answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ag_ui.core import BaseEvent, Event, RunAgentInput
from pydantic import TypeAdapter

from streamsvc.adapters.ag_ui import handler, start, to_ag_ui
from streamsvc.client import Client, work
from streamsvc.v1.job_service_pb2 import CATCH_UP_MODE_SNAPSHOT
from tests.support.service import Service, client_of

WORKER = {"STREAMSVC_UPSTREAMS": json.dumps({"agent": {"kind": "worker"}})}
_EVENT: TypeAdapter[Any] = TypeAdapter(Event)
INTERRUPT = {"id": "send", "reason": "tool_call", "message": "Send it?", "toolCallId": "c1"}


async def mailer(run: RunAgentInput) -> AsyncIterator[BaseEvent]:
    """Ask before it sends; answered, say what was decided."""
    ids = {"threadId": run.thread_id, "runId": run.run_id}
    said: list[dict[str, Any]] = [{"type": "RUN_STARTED", **ids}]
    if run.resume:
        (entry,) = run.resume
        decided = f"{entry.interrupt_id}: {json.dumps(entry.payload)}"
        said += [{"type": "TEXT_MESSAGE_CHUNK", "messageId": "m", "delta": decided}, {"type": "RUN_FINISHED", **ids}]
    else:
        said += [
            {"type": "TOOL_CALL_CHUNK", "toolCallId": "c1", "toolCallName": "send", "delta": "{}"},
            {"type": "RUN_FINISHED", **ids, "outcome": {"type": "interrupt", "interrupts": [INTERRUPT]}},
        ]
    for event in said:
        yield _EVENT.validate_python(event)


@asynccontextmanager
async def at_work(service: Service) -> AsyncIterator[None]:
    """Have the agent answer jobs."""
    working = asyncio.create_task(work("agent", handler(mailer), service.internal_address))
    try:
        yield
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def run_of(run_id: str, **more: Any) -> RunAgentInput:
    """Return what an AG-UI client sends."""
    message = {"id": "u", "role": "user", "content": "Send it"}
    return RunAgentInput.model_validate({"threadId": "t", "runId": run_id, "messages": [message], **more})


def answered(interrupt_id: str, payload: Any) -> list[dict[str, Any]]:
    """Return the answer of a person."""
    return [{"interruptId": interrupt_id, "status": "resolved", "payload": payload}]


async def told(client: Client, run: RunAgentInput) -> list[dict[str, Any]]:
    """Return what the client is told of a run."""
    stream = client.stream(await start(client, run), catch_up=CATCH_UP_MODE_SNAPSHOT)
    return [event.model_dump(mode="json", by_alias=True) async for event in to_ag_ui(stream, run)]


async def test_a_question_of_an_agent_is_answered_once() -> None:
    async with (
        await Service.start(environment=WORKER) as service,
        at_work(service),
        client_of(service.address) as client,
    ):
        *_, finished = await told(client, run_of("r1"))
        (interrupt,) = finished["outcome"]["interrupts"]
        assert (interrupt["reason"], interrupt["toolCallId"]) == ("tool_approval", "c1")

        resume = answered(interrupt["id"], {"approved": False, "reason": "not now"})
        first = await told(client, run_of("r2", resume=resume))
        late = await told(client, run_of("r3", resume=answered(interrupt["id"], {"approved": True})))
    for run in (first, late):
        (*_, snapshot) = [event for event in run if event["type"] == "MESSAGES_SNAPSHOT"]
        texts = [event["delta"] for event in run if event["type"] == "TEXT_MESSAGE_CONTENT"]
        said = texts or [message["content"] for message in snapshot["messages"][1:]]
        assert "".join(said) == 'send: {"approved": false, "reason": "not now"}'
        assert run[-1]["outcome"] == {"type": "success"}
