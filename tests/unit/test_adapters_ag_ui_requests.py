"""What an AG-UI client sends as the request of a job."""

from __future__ import annotations

from typing import Any

from ag_ui.core import RunAgentInput

from streamsvc.adapters.ag_ui import request_of
from streamsvc.v1 import content_pb2


def test_a_conversation_becomes_messages_of_a_request() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    conversation = [
        {"id": "s", "role": "developer", "content": "Be brief"},
        {"id": "u", "role": "user", "content": [{"type": "text", "text": "This?"}, _image()]},
        {"id": "r", "role": "reasoning", "content": "Hm", "encryptedValue": "x"},
        {"id": "a", "role": "assistant", "toolCalls": [call]},
        {"id": "t", "role": "tool", "toolCallId": "c", "content": "21"},
        {"id": "b", "role": "assistant", "content": "21 degrees"},
        {"id": "p", "role": "activity", "activityType": "PLAN", "content": {}},
    ]
    request = request_of(RunAgentInput.model_validate({"threadId": "t", "runId": "r", "messages": conversation}))
    assert (request.request_id, request.conversation_id) == ("r", "t")
    system, user, assistant = request.messages
    assert (system.role, system.parts[0].text.text) == (content_pb2.ROLE_SYSTEM, "Be brief")
    assert user.parts[1].file == content_pb2.FilePart(data=b"png", media_type="image/png")
    assert [part.WhichOneof("kind") for part in assistant.parts] == ["reasoning", "tool_call", "text"]
    assert assistant.parts[0].upstream_json == '{"encryptedValue": "x"}'
    assert assistant.parts[1].tool_call.results[0].text == "21"


def _image() -> dict[str, Any]:
    return {"type": "image", "source": {"type": "data", "value": "cG5n", "mimeType": "image/png"}}
