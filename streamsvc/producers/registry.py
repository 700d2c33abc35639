"""Producers from what is configured: upstreams by name, and the scripted one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Protocol, runtime_checkable

from streamsvc.producers.base import Producer
from streamsvc.producers.endpoint import Endpoint
from streamsvc.producers.modes import AUTO
from streamsvc.producers.scripted import Scripted

OPENAI_URL = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class UpstreamConfig:
    """One upstream: where it is, its default model, the key that it asks for, and how it goes on with an answer."""

    kind: str
    base_url: str = ""
    default_model: str = ""
    api_key: str = ""
    continue_mode: str = AUTO


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long an upstream may take in each phase."""

    connect: timedelta
    first_event: timedelta
    between_events: timedelta


@runtime_checkable
class Connected(Protocol):
    """A producer that keeps connections to its upstream."""

    async def close(self) -> None:
        """Close them."""
        ...


def build(upstreams: Mapping[str, UpstreamConfig], timeouts: Timeouts) -> dict[str, Producer]:
    """Return the producers by name, the default one first. `scripted` is always there, last."""
    make: dict[str, Callable[[str, UpstreamConfig], Producer]] = {
        "openai_chat": partial(_openai_chat, timeouts),
        "scripted": lambda name, _: Scripted(name),
    }
    producers = {name: make[upstream.kind](name, upstream) for name, upstream in upstreams.items()}
    producers.setdefault("scripted", Scripted())
    return producers


async def close(producers: Mapping[str, Producer]) -> None:
    """Let go of the producers' connections."""
    for producer in producers.values():
        if isinstance(producer, Connected):
            await producer.close()


def _openai_chat(timeouts: Timeouts, name: str, upstream: UpstreamConfig) -> Producer:
    # Its package takes as long to import as all the rest: who has no such upstream does not wait for it.
    from streamsvc.producers.openai_chat.producer import OpenAIChat

    return OpenAIChat(_endpoint(timeouts, name, upstream, OPENAI_URL), continue_mode=upstream.continue_mode)


def _endpoint(timeouts: Timeouts, name: str, upstream: UpstreamConfig, base_url: str) -> Endpoint:
    return Endpoint(
        name=name,
        base_url=upstream.base_url or base_url,
        default_model=upstream.default_model,
        api_key=upstream.api_key,
        connect_timeout=timeouts.connect,
        first_event_timeout=timeouts.first_event,
        between_events_timeout=timeouts.between_events,
    )
