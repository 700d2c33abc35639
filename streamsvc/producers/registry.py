"""Producers from what is configured: upstreams by name, and the scripted one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Protocol, runtime_checkable

from streamsvc.producers.base import Producer
from streamsvc.producers.endpoint import Endpoint
from streamsvc.producers.modes import AUTO
from streamsvc.producers.scripted import Scripted
from streamsvc.producers.worker import Worker


@dataclass(frozen=True, slots=True)
class Family:
    """A family of APIs: where its producer is, the package that this needs, and its maker's own address."""

    module: str
    name: str
    package: str
    base_url: str


FAMILIES: Mapping[str, Family] = {
    "openai_chat": Family("openai_chat", "OpenAIChat", "openai", "https://api.openai.com/v1"),
    "openai_responses": Family("openai_responses", "OpenAIResponses", "openai", "https://api.openai.com/v1"),
    "anthropic": Family("anthropic", "Anthropic", "anthropic", "https://api.anthropic.com/v1"),
}
"""By the kind that settings give them."""


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
    """Return the producers by name, the default one first. `scripted` is always there, last.

    Raises ValueError for an upstream that cannot be called, and for one whose package is not installed.
    """
    producers: dict[str, Producer] = {}
    for name, upstream in upstreams.items():
        family = FAMILIES.get(upstream.kind)
        producers[name] = _connected(family, name, upstream, timeouts) if family else _unconnected(name, upstream)
    producers.setdefault("scripted", Scripted())
    return producers


async def close(producers: Mapping[str, Producer]) -> None:
    """Let go of the producers' connections."""
    for producer in producers.values():
        if isinstance(producer, Connected):
            await producer.close()


def _unconnected(name: str, upstream: UpstreamConfig) -> Producer:
    return Worker(name, upstream.default_model) if upstream.kind == "worker" else Scripted(name)


def _connected(family: Family, name: str, upstream: UpstreamConfig, timeouts: Timeouts) -> Producer:
    endpoint = Endpoint(
        name=name,
        base_url=upstream.base_url or family.base_url,
        default_model=upstream.default_model,
        api_key=upstream.api_key,
        connect_timeout=timeouts.connect,
        first_event_timeout=timeouts.first_event,
        between_events_timeout=timeouts.between_events,
    )
    try:
        # The packages take as long to import as all the rest: who has no such upstream does not wait for them.
        module = import_module(f"streamsvc.producers.{family.module}.producer")
    except ModuleNotFoundError as missing:
        if missing.name not in (family.package, "httpx2"):
            raise
        extra = family.package
        raise ValueError(f"upstream {name} needs the package {extra}: pip install 'streamsvc[{extra}]'") from None
    producer: Producer = getattr(module, family.name)(endpoint, continue_mode=upstream.continue_mode)
    return producer
