"""Token counts as the families write them, in the log's own names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streamsvc.producers.fields import count_of
from streamsvc.v1 import content_pb2

_MOST_DETAILS = 32
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Names:
    """Where a family counts what has a place of its own in the log; `shares` are counts in a group."""

    tokens: Mapping[str, str]
    shares: Mapping[tuple[str, str], str]


def usage_of(counts: Mapping[str, Any], names: Names) -> content_pb2.Usage:
    """Return the counts as the log keeps them.

    Whole numbers without a place of their own go under `details`, named as the upstream names them, those of a group
    as `prompt_tokens_details.audio_tokens`. Zeros are left out, and so is the total of what is counted already.
    """
    usage = content_pb2.Usage()
    for name, value in counts.items():
        if place := names.tokens.get(name):
            setattr(usage, place, count_of(value))
        elif isinstance(value, dict):
            for share, number in value.items():
                if place := names.shares.get((name, share)):
                    setattr(usage, place, count_of(number))
                else:
                    _add_detail(usage, f"{name}.{share}", number)
        elif name != "total_tokens":
            _add_detail(usage, name, value)
    return usage


def _add_detail(usage: content_pb2.Usage, name: str, value: object) -> None:
    # A price is a fraction, and says nothing once it is cut to a whole number.
    if not isinstance(value, int) or len(name) > _LONGEST_NAME or len(usage.details) >= _MOST_DETAILS:
        return
    if number := count_of(value):
        usage.details[name] = number
