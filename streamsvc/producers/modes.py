"""How an endpoint is asked to go on with an answer that it is handed the beginning of."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Mode:
    """What an endpoint needs beside the beginning as the last message: fields of that message, and of the request.

    `takes_reasoning` tells whether the message may bring along the reasoning that was before the answer.
    """

    message: Mapping[str, Any] = field(default_factory=dict)
    request: Mapping[str, Any] = field(default_factory=dict)
    takes_reasoning: bool = False


MODES: Mapping[str, Mode | None] = {
    "final_message": Mode(
        request={"continue_final_message": True, "add_generation_prompt": False}, takes_reasoning=True
    ),
    "message": Mode(),
    "prefix": Mode(message={"prefix": True}),
    "partial": Mode(message={"partial": True}),
    "none": None,
}
"""By the name that settings give them. None: the endpoint begins a new message, whatever it is handed."""

AUTO = "auto"
"""The name for whatever suits the endpoint's address."""

_BY_HOST = {
    "api.mistral.ai": "prefix",
    "openrouter.ai": "message",
    "api.moonshot.ai": "partial",
    "api.moonshot.cn": "partial",
    "dashscope.aliyuncs.com": "partial",
    "dashscope-intl.aliyuncs.com": "partial",
}
_OWN_NETWORK = (".local", ".internal", ".lan", ".home.arpa", ".svc")


def mode_of(name: str, base_url: str) -> Mode | None:
    """Return the mode of that name; for `auto` the one that suits the address. Raises ValueError for an unknown one."""
    if name == AUTO:
        name = _suiting(base_url)
    if name not in MODES:
        raise ValueError(f"continue_mode must be one of {', '.join((AUTO, *MODES))}")
    return MODES[name]


def _suiting(base_url: str) -> str:
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if host == "api.deepseek.com":
        return "prefix" if parts.path.startswith("/beta") else "none"
    return _BY_HOST.get(host) or ("final_message" if _is_own(host) else "none")


def _is_own(host: str) -> bool:
    """Tell whether an address is of this machine or of its own network, where models are served by open software."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(_OWN_NETWORK)
