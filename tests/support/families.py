"""Producers of each family for tests, and the events of their streams in few words."""

from __future__ import annotations

import json
from typing import Any

from streamsvc.producers.anthropic.producer import Anthropic
from streamsvc.producers.endpoint import Endpoint
from streamsvc.producers.openai_responses.producer import OpenAIResponses
from tests.support.upstream import Step, raw


def anthropic(name: str, base_url: str, *, continue_mode: str = "auto", **options: Any) -> Anthropic:
    """Return the producer for an endpoint of the Messages API."""
    return Anthropic(Endpoint(name, base_url, **options), continue_mode=continue_mode)


def openai_responses(name: str, base_url: str, *, continue_mode: str = "auto", **options: Any) -> OpenAIResponses:
    """Return the producer for an endpoint of the Responses API."""
    return OpenAIResponses(Endpoint(name, base_url, **options), continue_mode=continue_mode)


def message(*texts: str, stop_reason: str = "end_turn") -> list[dict[str, Any]]:
    """Return the events of a whole answer of the Messages API, its text in these pieces."""
    ending = {"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": {"output_tokens": len(texts)}}
    return [*begun(*texts), {"type": "content_block_stop", "index": 0}, ending, {"type": "message_stop"}]


def begun(*texts: str) -> list[dict[str, Any]]:
    """Return the events of an answer of the Messages API that is not at its end yet."""
    start = {"type": "message_start", "message": {"model": "claude-told", "usage": {"input_tokens": 3}}}
    opened = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    return [start, opened, *(_delta({"type": "text_delta", "text": text}) for text in texts)]


def _delta(delta: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": delta}


def named(*events: dict[str, Any]) -> Step:
    """Send events under their names, as the services do."""
    return raw("".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode())


def response(*items: list[dict[str, Any]], status: str = "completed") -> list[dict[str, Any]]:
    """Return the events of a whole response of the Responses API with these items, numbered."""
    head = {"id": "resp_1", "model": "gpt-told"}
    opened: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**head, "status": "queued"}},
        {"type": "response.in_progress", "response": {**head, "status": "in_progress"}},
    ]
    usage = {"input_tokens": 3, "output_tokens": 2}
    closed = {"type": f"response.{status}", "response": {**head, "status": status, "usage": usage}}
    events = [*opened, *(event for item in items for event in item), closed]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def text_item(place: int, *texts: str) -> list[dict[str, Any]]:
    """Return the events of a message of the Responses API, its text in these pieces."""
    item = {"id": f"msg_{place}", "type": "message", "role": "assistant", "content": []}
    where = {"output_index": place, "item_id": item["id"], "content_index": 0}
    deltas = [{"type": "response.output_text.delta", **where, "delta": text} for text in texts]
    part = {"type": "output_text", "text": "".join(texts), "annotations": []}
    return [
        {"type": "response.output_item.added", "output_index": place, "item": item},
        {"type": "response.content_part.added", **where, "part": {**part, "text": ""}},
        *deltas,
        {"type": "response.content_part.done", **where, "part": part},
        {"type": "response.output_item.done", "output_index": place, "item": {**item, "content": [part]}},
    ]


def call_item(place: int, name: str, *arguments: str) -> list[dict[str, Any]]:
    """Return the events of a call of the Responses API."""
    item = {"id": f"fc_{place}", "type": "function_call", "call_id": f"call_{place}", "name": name, "arguments": ""}
    where = {"output_index": place, "item_id": item["id"]}
    return [
        {"type": "response.output_item.added", "output_index": place, "item": item},
        *({"type": "response.function_call_arguments.delta", **where, "delta": text} for text in arguments),
        {"type": "response.output_item.done", "output_index": place, "item": {**item, "arguments": "".join(arguments)}},
    ]


def search_item(place: int) -> list[dict[str, Any]]:
    """Return the events of a search of the web that the Responses API runs."""
    item: dict[str, Any] = {"id": f"ws_{place}", "type": "web_search_call", "status": "in_progress"}
    where = {"output_index": place, "item_id": item["id"]}
    done = {**item, "status": "completed", "action": {"type": "search", "query": "tide"}}
    return [
        {"type": "response.output_item.added", "output_index": place, "item": item},
        {"type": "response.web_search_call.searching", **where},
        {"type": "response.output_item.done", "output_index": place, "item": done},
    ]


def unknown() -> list[dict[str, Any]]:
    """Return an event that nobody here knows."""
    return [{"type": "response.starlight", "colour": "red"}]
