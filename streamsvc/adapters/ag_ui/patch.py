"""JSON Patch (RFC 6902), as AG-UI says what changed of a state."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any


def patched(document: Any, patch: Sequence[Any]) -> Any:
    """Return what a patch makes of a document, which stays as it is. Raises ValueError if the patch does not fit.

    `patch` holds AG-UI's operations, such as that of a StateDeltaEvent.
    """
    document = copy.deepcopy(document)
    try:
        for operation in patch:
            document = _applied(document, operation)
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError("the patch does not fit what it is for") from error
    return document


def _applied(document: Any, operation: Any) -> Any:
    path = _keys(operation.path)
    match operation.op:
        case "add":
            return _put(document, path, operation.value, insert=True)
        case "remove":
            return _without(document, path)
        case "replace":
            _at(document, path)
            return _put(document, path, operation.value, insert=False)
        case "move":
            moved = _at(document, _keys(operation.from_))
            return _put(_without(document, _keys(operation.from_)), path, moved, insert=True)
        case "copy":
            return _put(document, path, copy.deepcopy(_at(document, _keys(operation.from_))), insert=True)
        case _:
            if _at(document, path) != operation.value:
                raise ValueError("a test of the patch fails")
            return document


def _keys(pointer: str) -> list[str]:
    return [key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:]]


def _at(document: Any, path: Sequence[str]) -> Any:
    for key in path:
        document = document[_key(document, key)]
    return document


def _put(document: Any, path: Sequence[str], value: Any, *, insert: bool) -> Any:
    if not path:
        return value
    holder = _at(document, path[:-1])
    key: Any = _key(holder, path[-1])
    if not (insert and isinstance(holder, list)):
        holder[key] = value
    elif key <= len(holder):
        holder.insert(key, value)
    else:
        raise IndexError(key)
    return document


def _without(document: Any, path: Sequence[str]) -> Any:
    if not path:
        return None
    holder = _at(document, path[:-1])
    del holder[_key(holder, path[-1])]
    return document


def _key(holder: Any, key: str) -> str | int:
    if not isinstance(holder, list):
        return key
    if key == "-":
        return len(holder)
    if not key.isdecimal():
        raise KeyError(key)
    return int(key)
