"""Files that tools and models give, as parts of an answer."""

from __future__ import annotations

import base64
import binascii
import mimetypes

from streamsvc.v1 import content_pb2

LARGEST = 512 * 1024
"""How many bytes are kept inline: an event with them has to fit under the service's limit."""


def inline(data: bytes, media_type: str, name: str = "") -> content_pb2.FilePart:
    """Return a file of these bytes, without them if they are too many: readers then see that there was one."""
    file = content_pb2.FilePart(media_type=media_type, name=name)
    if len(data) <= LARGEST:
        file.data = data
    return file


def of_data(data: str, name: str) -> content_pb2.FilePart:
    """Return a file whose bytes are written in base64, bare or as an address of the scheme `data`."""
    if data.startswith("data:"):
        return at(data, name=name)
    return encoded(data, mimetypes.guess_type(name)[0] or "application/octet-stream", name)


def at(url: str, media_type: str = "", name: str = "") -> content_pb2.FilePart:
    """Return a file at an address. One of the scheme `data` becomes a file of its bytes."""
    head, comma, body = url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        return encoded(body, head.removeprefix("data:").partition(";")[0] or media_type, name)
    guessed = media_type or mimetypes.guess_type(url.partition("?")[0])[0] or ""
    return content_pb2.FilePart(url=url, media_type=guessed, name=name)


def encoded(text: str, media_type: str, name: str = "") -> content_pb2.FilePart:
    """Return a file whose bytes are written in base64; without bytes if they are not."""
    try:
        return inline(base64.b64decode(text, validate=True), media_type, name)
    except binascii.Error:
        return content_pb2.FilePart(media_type=media_type, name=name)


def url_of(file: content_pb2.FilePart) -> str:
    """Return the address of a file, of the scheme `data` if its bytes are here."""
    if file.HasField("data"):
        return f"data:{file.media_type};base64,{base64.b64encode(file.data).decode()}"
    return file.url
