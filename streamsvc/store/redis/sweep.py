"""All keys of all servers, a few at a time, round and round."""

from __future__ import annotations

from collections.abc import Sequence

from streamsvc.store.redis.servers import Server, Servers

_COUNT = 500


class Sweep:
    """Remembers how far SCAN has come, and on which server."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._turn = 0
        self._server: Server | None = None
        self._cursor = b"0"

    async def next(self, pattern: bytes) -> Sequence[bytes]:
        """See `Link.scan`. A server that does not answer is left for its next turn."""
        server = self._server
        primaries = await self._servers.primaries()
        if server is None or server not in primaries:
            server, self._cursor = primaries[self._turn % len(primaries)], b"0"
            self._turn += 1
        self._server = None
        cursor, keys = await server.bulk.command(b"SCAN", self._cursor, b"MATCH", pattern, b"COUNT", _COUNT)
        if cursor != b"0":
            self._server, self._cursor = server, cursor
        return list(keys)
