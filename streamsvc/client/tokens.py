"""The token of a caller, asked for when it is needed and again when it is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

TokenCallback = Callable[[], Awaitable[str]]
"""Returns a token that is good now, such as a JWT."""


class Tokens:
    """Keeps what the callback gave until the service refuses it. Without a callback calls carry no token."""

    def __init__(self, callback: TokenCallback | None) -> None:
        self._callback = callback
        self._token = ""

    async def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the metadata of the next call."""
        if self._callback is None:
            return ()
        self._token = self._token or await self._callback()
        return (("authorization", f"Bearer {self._token}"),)

    def refused(self) -> None:
        """Ask anew for the next call."""
        self._token = ""
