"""A few questions to one server, asked over redis-py: only what jobs wait for has connections of its own.

See docs/adr/0008-connections.md.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from hiredis import ReplyError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.dialer import CONNECT_TIMEOUT, Dialer
from streamsvc.store.redis.failures import CUT_OFF, Address
from streamsvc.store.redis.uri import places


class Console:
    """Asks the server at `address`, signed in as `dialer` signs in. `place` is HOST:PORT.

    One connection, opened by the first question and closed with the `async with` block. An answer may take
    redis-py's five seconds: whoever asks several sets a bound for all.
    """

    def __init__(self, dialer: Dialer, address: Address) -> None:
        self.place = places([address])
        self._client = Redis(
            host=address[0],
            port=address[1],
            db=dialer.db,
            username=dialer.username if dialer.password else None,
            password=dialer.password,
            ssl=dialer.tls,
            ssl_ca_certs=dialer.ca_file or None,
            ssl_certfile=dialer.cert_file or None,
            ssl_keyfile=dialer.key_file or None,
            socket_connect_timeout=CONNECT_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
            decode_responses=True,
            encoding_errors="replace",
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def ask(self, command: str, *words: str | int) -> Any:
        """Return the answer to a command, such as "CLUSTER INFO", as redis-py makes it: INFO is a dict.

        Raises ReplyError, with the server's words, and StoreUnavailable if the connection broke.
        """
        try:
            return await self._client.execute_command(command, *words)  # type: ignore[no-untyped-call]
        except RedisError as error:
            raise _as_said(error) from error


def _as_said(error: RedisError) -> Exception:
    """Return an error reply as the server wrote it: redis-py takes the first word off those that it knows."""
    if error.status_code:
        return ReplyError(f"{error.status_code} {error}")
    return ReplyError(str(error)) if isinstance(error, ResponseError) else StoreUnavailable(CUT_OFF)
