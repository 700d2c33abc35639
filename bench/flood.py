"""An upstream of any family that answers every request with the same stream, as fast as it can be taken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from bench import worker

TEXT = " a word of it"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
Event = dict[str, Any]


def openai_chat(deltas: int) -> Iterator[str]:
    """Yield the stream of a chat completion, as OpenAI writes it."""
    head = {"id": "chatcmpl-0123456789", "object": "chat.completion.chunk", "created": 1790000000, "model": "told"}

    def chunk(delta: Event, reason: str | None = None) -> Event:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**head, "service_tier": "default", "system_fingerprint": "fp_01", "choices": [choice], "usage": None}

    for event in (chunk({"role": "assistant", "content": ""}), *[chunk({"content": TEXT})] * deltas, chunk({}, "stop")):
        yield f"data: {json.dumps(event)}\n\n"
    yield "data: [DONE]\n\n"


def openai_responses(deltas: int) -> Iterator[str]:
    """Yield the stream of a response, as OpenAI writes it."""
    item: Event = {"id": "msg_0123456789", "type": "message", "role": "assistant", "content": []}
    where: Event = {"output_index": 0, "item_id": item["id"], "content_index": 0}
    delta: Event = {
        "type": "response.output_text.delta",
        **where,
        "delta": TEXT,
        "logprobs": [],
        "obfuscation": "0123456789",
    }
    response: Event = {"id": "resp_0123456789", "model": "told", "status": "in_progress"}
    events: list[Event] = [
        {"type": "response.created", "response": response},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        *[delta] * deltas,
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {**response, "status": "completed"}},
    ]
    for number, event in enumerate(events):
        yield f"event: {event['type']}\ndata: {json.dumps({**event, 'sequence_number': number})}\n\n"


def anthropic(deltas: int) -> Iterator[str]:
    """Yield the stream of a message, as Anthropic writes it."""
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}}
    events: list[Event] = [
        {"type": "message_start", "message": {"model": "told", "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *[delta] * deltas,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": deltas}},
        {"type": "message_stop"},
    ]
    for event in events:
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


STREAMS = {"openai_chat": openai_chat, "openai_responses": openai_responses, "anthropic": anthropic}


async def listen(family: str, deltas: int) -> int:
    """Begin to answer. Returns the port."""
    stream = "".join(STREAMS[family](deltas)).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        writer.write(HEAD + stream)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    return port


if __name__ == "__main__":
    worker.main({"listen": listen})
