"""gRPC-Web as a browser speaks it: frames over HTTP/1.1, and the status among them or in the headers."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import httpx2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from tests.support.service import LIMIT

_TRAILERS = 0x80
_PREFIX = 5


@dataclass(frozen=True)
class Ended:
    """How a call ended. `reason` is empty and `retry_seconds` None where the status has no such detail."""

    code: int
    message: str
    reason: str
    retry_seconds: float | None


class WebCall:
    """One call: iterate over the bytes of its messages to the end, then ask for `ended`."""

    def __init__(self, url: str, method: str, request: Message) -> None:
        self._url = f"{url}/streamsvc.v1.JobService/{method}"
        self._request = request.SerializeToString()
        self._ended: Mapping[str, str] = {}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        body = bytes([0]) + len(self._request).to_bytes(4, "big") + self._request
        headers = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
        async with (
            httpx2.AsyncClient(timeout=LIMIT) as client,
            client.stream("POST", self._url, content=body, headers=headers) as response,
        ):
            assert response.status_code == 200, response.status_code
            self._ended = response.headers
            async for flags, payload in _frames(response.aiter_bytes()):
                if flags & _TRAILERS:
                    lines = payload.decode().strip().split("\r\n")
                    self._ended = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
                else:
                    yield payload

    @property
    def ended(self) -> Ended:
        """How it ended. Fails if it was cut off."""
        assert "grpc-status" in self._ended, "the call ended without a status"
        details = self._ended.get("grpc-status-details-bin", "")
        status = status_pb2.Status.FromString(base64.b64decode(details + "=" * (-len(details) % 4)))
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        found = [retry.DESCRIPTOR.name for detail in status.details if detail.Unpack(retry)]
        _ = [detail.Unpack(info) for detail in status.details]
        return Ended(
            int(self._ended["grpc-status"]),
            status.message,
            info.reason,
            retry.retry_delay.ToTimedelta().total_seconds() if found else None,
        )


async def _frames(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    """Cut what arrives into frames: flags and payload of each."""
    held = b""
    async for chunk in chunks:
        held += chunk
        while len(held) >= _PREFIX and len(held) >= (end := _PREFIX + int.from_bytes(held[1:_PREFIX], "big")):
            yield held[0], held[_PREFIX:end]
            held = held[end:]
    assert not held, "the body ended within a frame"
