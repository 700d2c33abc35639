"""AG-UI's endpoint on streamsvc: a run is a job. Who asks for a run again follows the same one."""

import os
from collections.abc import AsyncIterator

from ag_ui.core import RunAgentInput
from ag_ui.encoder import EventEncoder
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from streamsvc.adapters.ag_ui import start, to_ag_ui
from streamsvc.client import Client
from streamsvc.v1.job_service_pb2 import CATCH_UP_MODE_SNAPSHOT

app = FastAPI()
encoder = EventEncoder()
client = Client(os.environ["STREAMSVC_TARGET"])


@app.post("/")
async def run(given: RunAgentInput) -> StreamingResponse:
    job_id = await start(client, given)

    async def events() -> AsyncIterator[str]:
        async for event in to_ag_ui(client.stream(job_id, catch_up=CATCH_UP_MODE_SNAPSHOT), given):
            yield encoder.encode(event)

    return StreamingResponse(events(), media_type=encoder.get_content_type())
