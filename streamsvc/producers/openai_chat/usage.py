"""The token counts of a chat completion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamsvc.producers.fields import count_of
from streamsvc.v1 import content_pb2

_TOKENS = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}
_SHARES = {
    ("completion_tokens_details", "reasoning_tokens"): "reasoning_tokens",
    ("prompt_tokens_details", "cached_tokens"): "cached_input_tokens",
    ("prompt_tokens_details", "cache_write_tokens"): "cache_write_input_tokens",
}
# The sum of the two that are counted already.
_IGNORED = frozenset({"total_tokens"})
_MOST_DETAILS = 32
_LONGEST_NAME = 64


def usage_of(counts: Mapping[str, Any]) -> content_pb2.Usage:
    """Return the counts as the log keeps them.

    Whole numbers without a place of their own go under `details`, named as the upstream names them, those of a group
    as `prompt_tokens_details.audio_tokens`. Zeros are left out.
    """
    usage = content_pb2.Usage()
    for name, value in counts.items():
        if name in _TOKENS:
            setattr(usage, _TOKENS[name], count_of(value))
        elif isinstance(value, dict):
            for share, number in value.items():
                if place := _SHARES.get((name, share)):
                    setattr(usage, place, count_of(number))
                else:
                    _add_detail(usage, f"{name}.{share}", number)
        elif name not in _IGNORED:
            _add_detail(usage, name, value)
    return usage


def _add_detail(usage: content_pb2.Usage, name: str, value: object) -> None:
    # A price is a fraction, and says nothing once it is cut to a whole number.
    if not isinstance(value, int) or len(name) > _LONGEST_NAME or len(usage.details) >= _MOST_DETAILS:
        return
    if number := count_of(value):
        usage.details[name] = number
