"""Bytes that are no message of their kind: which field of it is to blame."""

from __future__ import annotations

from collections import Counter
from typing import Any

_LENGTHS = {1: 8, 5: 4}
_DELIMITED = 2


def blame(data: bytes, descriptor: Any) -> str:
    """Return the path of the first string in `data` that is not UTF-8, empty if the bytes themselves are broken.

    >>> from streamsvc.v1 import producer_service_pb2
    >>> blame(b"\\x22\\x05\\x1a\\x03\\x12\\x01\\xff", producer_service_pb2.PublishEventsRequest.DESCRIPTOR)
    'events[0].text_delta.text'
    """
    try:
        return _search(memoryview(data), descriptor) or ""
    except IndexError:
        return ""


def _search(data: memoryview, descriptor: Any) -> str | None:
    position, seen = 0, Counter[str]()
    while position < len(data):
        tag, position = _varint(data, position)
        field, kind = descriptor.fields_by_number.get(tag >> 3), tag & 7
        if kind == _DELIMITED:
            size, position = _varint(data, position)
            end = position + size
            if end > len(data):
                raise IndexError
            if field is not None and (found := _judge(data[position:end], field)) is not None:
                name = f"{field.name}[{seen[field.name]}]" if field.is_repeated else field.name
                return f"{name}.{found}" if found else name
            if field is not None:
                seen[field.name] += 1
            position = end
        elif kind == 0:
            _, position = _varint(data, position)
        else:
            position += _LENGTHS.get(kind, len(data) + 1)
            if position > len(data):
                raise IndexError
    return None


def _judge(data: memoryview, field: Any) -> str | None:
    """Return the path below `field` of what is not UTF-8, empty if it is the field itself, None if all is well."""
    if field.type == field.TYPE_MESSAGE:
        return _search(data, field.message_type)
    if field.type == field.TYPE_STRING:
        try:
            bytes(data).decode()
        except UnicodeDecodeError:
            return ""
    return None


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
