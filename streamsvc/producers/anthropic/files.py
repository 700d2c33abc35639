"""Files as blocks of the Messages API: images, PDF and plain text."""

from __future__ import annotations

from typing import Any

from streamsvc.producers.conversation import bad_media_type, bad_source, base64_of
from streamsvc.v1 import content_pb2


def block_of(path: str, file: content_pb2.FilePart) -> dict[str, Any]:
    """Return the block of a file. Raises FieldInvalid for one that the API does not take."""
    is_image = file.media_type.startswith("image/")
    if not is_image and file.media_type not in ("application/pdf", "text/plain"):
        raise bad_media_type(path, file, "an image, a PDF or plain text")
    block: dict[str, Any] = {"type": "image" if is_image else "document", "source": _source(path, file)}
    if file.name and not is_image:
        block["title"] = file.name
    return block


def _source(path: str, file: content_pb2.FilePart) -> dict[str, Any]:
    match file.WhichOneof("source"):
        case "url":
            return {"type": "url", "url": file.url}
        case "file_id":
            return {"type": "file", "file_id": file.file_id}
        case "data" if file.media_type == "text/plain":
            return {"type": "text", "media_type": file.media_type, "data": file.data.decode(errors="replace")}
        case "data":
            return {"type": "base64", "media_type": file.media_type, "data": base64_of(file)}
        case _:
            raise bad_source(path, "`url`, `data` or `file_id`")
