"""AG-UI's own hello world: an endpoint that says hello."""

from collections.abc import AsyncIterator

from ag_ui.core import (
    PROTOCOL_VERSION,
    RunAgentInput,
    RunFinishedEvent,
    RunStartedEvent,
    TextMessageContentEvent,
    TextMessageEndEvent,
    TextMessageStartEvent,
)
from ag_ui.encoder import EventEncoder
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

app = FastAPI()
encoder = EventEncoder()


@app.post("/")
async def run(given: RunAgentInput) -> StreamingResponse:
    async def events() -> AsyncIterator[str]:
        ids = {"thread_id": given.thread_id, "run_id": given.run_id}
        yield encoder.encode(RunStartedEvent(**ids, protocol_version=PROTOCOL_VERSION))
        yield encoder.encode(TextMessageStartEvent(message_id="m1", role="assistant"))
        yield encoder.encode(TextMessageContentEvent(message_id="m1", delta="Hello"))
        yield encoder.encode(TextMessageEndEvent(message_id="m1"))
        yield encoder.encode(RunFinishedEvent(**ids))

    return StreamingResponse(events(), media_type=encoder.get_content_type())
