"""Where an upstream is, the key that it asks for, and how long it may take in each phase."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

NO_KEY = "none"
"""Sent where no key is configured: the packages ask for one, local endpoints do not."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint of a model's API.

    `connect_timeout` holds for each attempt, `first_event_timeout` from the call to the first event of the answer with
    all attempts in between, `between_events_timeout` for each silence after it. Comments that keep a connection alive
    are no events. What fails before the answer begins is tried `max_retries` times again.

    Raises ValueError for a `base_url` or an `api_key` that no request can be made with.
    """

    name: str
    base_url: str
    default_model: str = ""
    api_key: str = ""
    connect_timeout: timedelta = timedelta(seconds=10)
    first_event_timeout: timedelta = timedelta(seconds=120)
    between_events_timeout: timedelta = timedelta(seconds=60)
    max_retries: int = 2

    def __post_init__(self) -> None:
        """Refuse what no request can be made with."""
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the base_url of upstream {self.name} must look like https://host/v1")
        if not (self.api_key.isascii() and (self.api_key.isprintable() or not self.api_key)):
            raise ValueError(f"the API key of upstream {self.name} holds characters that no HTTP header can carry")

    @property
    def address(self) -> str:
        """The address without what may be secret in it: user, password and query."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")

    @property
    def has_key(self) -> bool:
        """Whether a key is configured."""
        return self.api_key not in ("", NO_KEY)
