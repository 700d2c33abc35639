"""What can be set about a client."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from streamsvc.backoff import Backoff
from streamsvc.client.tokens import TokenCallback


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How patient a client is.

    A stream that is silent for two `heartbeat_interval`s is taken for broken. A stream gives up when nothing came for
    `give_up_after`, a call with one answer after `call_timeout`. `token` is asked for the token that calls carry, and
    again, once, when the service refuses it.
    """

    heartbeat_interval: timedelta = timedelta(seconds=15)
    give_up_after: timedelta = timedelta(minutes=5)
    call_timeout: timedelta = timedelta(seconds=15)
    backoff: Backoff = field(default_factory=Backoff)
    token: TokenCallback | None = None
    max_message_bytes: int = 16 * 1024 * 1024
