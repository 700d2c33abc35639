"""What the families read alike in a conversation: which parts a message may have, and what a tool gave."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from streamsvc.errors import FieldInvalid
from streamsvc.v1 import content_pb2

_LEAVE_OUT = "leave the part out, or pick a producer that takes it"
# Every call needs a result, or the endpoints refuse the conversation. This is said where the tool gave none.
_WITHOUT_RESULT = {
    content_pb2.TOOL_CALL_STATUS_SUCCEEDED: "",
    content_pb2.TOOL_CALL_STATUS_FAILED: "The tool failed.",
    content_pb2.TOOL_CALL_STATUS_DENIED: "The call was denied.",
}
ERRORS = (content_pb2.TOOL_CALL_STATUS_FAILED, content_pb2.TOOL_CALL_STATUS_DENIED)
"""How a call ends whose result tells of a failure."""


def bad_role(path: str) -> FieldInvalid:
    """Return the error of a message that says not who speaks."""
    return FieldInvalid.of(f"{path}.role", "must be ROLE_SYSTEM, ROLE_USER or ROLE_ASSISTANT; set it")


def unsupported(path: str, part: content_pb2.ContentPart) -> FieldInvalid:
    """Return the error of a part that the API has no place for in a message of its role."""
    kind = part.WhichOneof("kind")
    if kind is None:
        return FieldInvalid.of(path, "must hold something; set one of the fields of `kind`")
    return FieldInvalid.of(f"{path}.{kind}", f"this producer cannot send it in a message of this role; {_LEAVE_OUT}")


def text_of_part(path: str, part: content_pb2.ContentPart) -> str:
    """Return the text of a text part. Raises FieldInvalid for any other."""
    if part.WhichOneof("kind") != "text":
        raise unsupported(path, part)
    return part.text.text


def parts_of(path: str, message: content_pb2.ChatMessage) -> Iterator[tuple[str, content_pb2.ContentPart]]:
    """Yield the parts of the message at `path`, each with its own path."""
    for index, part in enumerate(message.parts):
        yield f"{path}.parts[{index}]", part


def bad_media_type(path: str, file: content_pb2.FilePart, allowed: str) -> FieldInvalid:
    """Return the error of a file that the API does not take; `allowed` says what it takes, such as `an image`."""
    rule = f"must be {allowed} for this producer, and its media_type says `{file.media_type}`; {_LEAVE_OUT}"
    return FieldInvalid.of(f"{path}.file.media_type", rule, media_type=file.media_type)


def bad_source(path: str, allowed: str) -> FieldInvalid:
    """Return the error of a file whose source the API does not take; `allowed` names those that it does."""
    return FieldInvalid.of(f"{path}.file.source", f"must be {allowed} for this producer; set one of them")


def base64_of(file: content_pb2.FilePart) -> str:
    """Return the bytes of a file as APIs want them in JSON."""
    return base64.b64encode(file.data).decode("ascii")


def data_url(file: content_pb2.FilePart) -> str:
    """Return the bytes of a file as an address."""
    return f"data:{file.media_type};base64,{base64_of(file)}"


def is_sendable(call: content_pb2.ToolCallPart) -> bool:
    """Tell whether a call can be sent: one that was cut off while the model wrote it is none, nobody could run it."""
    return call.status != content_pb2.TOOL_CALL_STATUS_WRITING


def results_of(path: str, call: content_pb2.ToolCallPart) -> Iterator[str]:
    """Yield what the tool gave, as texts; at least one. Raises FieldInvalid for a file."""
    for index, result in enumerate(call.results):
        kind = result.WhichOneof("kind")
        if kind == "file":
            rule = f"this producer sends text and JSON as the result of a tool; {_LEAVE_OUT}"
            raise FieldInvalid.of(f"{path}.results[{index}].file", rule)
        yield result.json if kind == "json" else result.text
    if not call.results:
        yield _WITHOUT_RESULT.get(call.status, "The tool was not run.")
