"""What a service's stream makes of a job: streams written as data, told by a real HTTP server, and the state after."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict

from streamsvc.client import Client
from streamsvc.producers.anthropic.producer import Anthropic
from streamsvc.producers.endpoint import Endpoint
from streamsvc.producers.model_api import ModelApi
from streamsvc.producers.openai_chat.producer import OpenAIChat
from streamsvc.producers.openai_responses.producer import OpenAIResponses
from streamsvc.v1 import event_pb2, job_service_pb2, state_pb2
from tests.support.service import app, client_of
from tests.support.upstream import Step, Upstream, abort, raw, sse

FOLDER = Path(__file__).resolve().parents[1] / "golden" / "upstreams"
FAMILIES: Mapping[str, Callable[..., ModelApi[Any]]] = {
    "anthropic": Anthropic,
    "openai_chat": OpenAIChat,
    "openai_responses": OpenAIResponses,
}
_TIMES = ("create_time", "update_time", "complete_time", "expire_time")
_VARYING = ("id", "epoch", "last_offset", "offset", *_TIMES)


def cases() -> Iterator[Path]:
    """Yield the files, in order."""
    yield from sorted(FOLDER.glob("*/*.json"))


def read(path: Path) -> dict[str, Any]:
    """Return a case: what it `shows`, the `stream`, and the `state` that it leads to; see the README beside them."""
    case: dict[str, Any] = json.loads(path.read_text())
    return case


def steps_of(case: Mapping[str, Any]) -> Iterator[Step]:
    """Yield what tells the stream of a case."""
    for item in case["stream"]:
        yield raw(item.encode()) if isinstance(item, str) else sse(item)
    if case.get("cut"):
        yield abort()


@asynccontextmanager
async def service(family: str, **options: Any) -> AsyncIterator[tuple[Upstream, Client]]:
    """Run an upstream and the service before it, whose producer `told` is of that family."""
    async with Upstream() as upstream:
        endpoint = Endpoint("told", upstream.base_url, default_model="m", max_retries=0)
        producer = FAMILIES[family](endpoint, **options)
        # However busy the machine is: no job is to be taken over here.
        async with (
            app({"told": producer}, lease_ttl=timedelta(minutes=1)) as (_, address),
            client_of(address) as client,
        ):
            yield upstream, client
        await producer.close()


async def told(client: Client, request: job_service_pb2.StartGenerationRequest) -> state_pb2.JobState:
    """Start a job, follow it to its end, and return what GetJobState says of it then."""
    job = await client.start_request(request)
    async for _ in client.stream(job.id):
        pass
    return await client.state(job.id)


async def custom_events(client: Client, job_id: str) -> list[str]:
    """Return what was said of a job that the service has no kind for, kept in the state or not."""
    events = [item async for item in client.stream(job_id) if isinstance(item, event_pb2.Event)]
    found = [event.custom for event in events if event.HasField("custom")]
    return [f"{custom.name} {custom.json}" for custom in found]


async def play(case: Mapping[str, Any], family: str) -> dict[str, Any]:
    """Return the state after a case's stream, as JSON, without what differs from run to run; and the custom events."""
    given = ParseDict(case.get("request", {"prompt": "hi"}), job_service_pb2.StartGenerationRequest())
    async with service(family) as (upstream, client):
        upstream.expect(*steps_of(case))
        state = await told(client, given)
        return {**plain(state, upstream.base_url), "custom_events": await custom_events(client, state.job.id)}


def plain(state: state_pb2.JobState, base_url: str = "") -> dict[str, Any]:
    """Return a state as JSON, without what differs from run to run."""
    found = _without(MessageToDict(state, preserving_proto_field_name=True))
    text = json.dumps(found)
    return dict(json.loads(text.replace(base_url, "BASE_URL") if base_url else text))


def _without(value: Any, owner: str = "") -> Any:
    """Return what is in the field `owner`; the entries of maps, which come in any order, in that of their names."""
    if isinstance(value, list):
        return [_without(item, "item") for item in value]
    if not isinstance(value, dict):
        return value
    unwanted = _VARYING if owner in ("", "job") else _TIMES
    items = sorted(value.items()) if owner in ("metadata", "details") else value.items()
    return {name: _without(item, name) for name, item in items if name not in unwanted}
