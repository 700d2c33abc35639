"""An agent that asks people what a test wants, and says what was decided.

async with asking(there, letter()):
    job_id, conversation = await tab.ask("Write to Ada.", "Agent")
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from streamsvc.client import Publisher, work
from streamsvc.v1 import content_pb2, event_pb2
from tests.support.outside import AGENT
from tests.support.outside_process import internal
from tests.support.page import Site

ASKING = "This can be done, but not without you."
"""What it says before it asks."""

LETTER = '{"to":"Ada","text":"The river is high.","number":12345678901234567890}'
"""Arguments of a call. JavaScript cannot count so far."""

CALL = 1
"""The index of the part that is the call."""

Request = content_pb2.InputRequest


@asynccontextmanager
async def asking(there: Site, *questions: Request, arguments: str = LETTER) -> AsyncIterator[None]:
    """Answer the jobs of the producer `agent`: ask these questions, and in the next job say what was decided."""

    async def answer(pub: Publisher) -> None:
        answers = pub.request.answers if pub.request else ()
        for words in [_quoted(one) for one in answers] or [ASKING]:
            async with pub.text() as part:
                await part.write(words)
        if not answers:
            await _call(pub, arguments)
            for question in questions:
                await pub.ask(question)

    working = asyncio.create_task(work(AGENT, answer, *internal(*there.instances).split(","), at_once=2))
    try:
        yield
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


def letter(message: str = "May the letter to Ada be sent?") -> Request:
    """Return a question whether the call may run."""
    return Request(type="tool_approval", part_index=CALL, message=message)


def question(message: str, schema: object = None) -> Request:
    """Return a question to be answered by what the JSON Schema says."""
    return Request(type="question", message=message, schema_json=json.dumps(schema) if schema else "")


def _quoted(answer: content_pb2.InputAnswer) -> str:
    decision = content_pb2.InputDecision.Name(answer.decision).removeprefix("INPUT_DECISION_")
    return " ".join(word for word in (decision, answer.comment) if word)


async def _call(pub: Publisher, arguments: str) -> None:
    call = content_pb2.ToolCallPart(
        call_id="call", name="send_letter", arguments_json=arguments, status=content_pb2.TOOL_CALL_STATUS_READY
    )
    part = content_pb2.ContentPart(index=CALL, tool_call=call)
    await pub.say(event_pb2.Event(part_started=event_pb2.PartStarted(part=part)))
