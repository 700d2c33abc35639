"""What a failed call means to the client: an error of the service, by its reason, or a connection that broke."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2  # pyright: ignore[reportMissingTypeStubs]

from streamsvc.errors import DOMAIN, StreamsvcError, Violation, of_reason

_DETAILS = "grpc-status-details-bin"

_RESUMABLE_WITHOUT_INFO = frozenset({"UNAVAILABLE", "UNKNOWN", "INTERNAL", "CANCELLED", "DEADLINE_EXCEEDED"})


class Unreachable(StreamsvcError):
    """The service cannot be reached, or something on the way to it answered in its place.

    `code` is the gRPC status code of the last attempt.
    """

    reason, code, advice = "UNREACHABLE", "UNAVAILABLE", "try again"


class Silent(Unreachable):
    """Nothing came for two heartbeats: the connection is half open, or what is waited for takes that long."""


class GaveUp(StreamsvcError):
    """The service was out of reach for longer than `give_up_after`. `__cause__` is the last attempt's error."""

    reason, code, advice = "GAVE_UP", "UNAVAILABLE", "try again later: the cursor stays good"


def error_of(failed: grpc.aio.AioRpcError) -> StreamsvcError:
    """Return the error that a failed call stands for."""
    info, retry_after, violations = _details(failed)
    if info is None:
        unreachable = Unreachable(failed.details() or failed.code().name)
        unreachable.code = failed.code().name  # type: ignore[misc]
        return unreachable
    known = of_reason(info.reason)
    if known is None:
        known = type("StreamsvcError", (StreamsvcError,), {"reason": info.reason, "code": failed.code().name})
    metadata = dict(info.metadata)
    return known(failed.details() or info.reason, metadata, violations=violations, retry_after=retry_after)


def resumable(error: StreamsvcError) -> bool:
    """Tell whether another attempt may get further."""
    if isinstance(error, Unreachable):
        return error.code in _RESUMABLE_WITHOUT_INFO or error.code == "RESOURCE_EXHAUSTED"
    return error.code in ("UNAVAILABLE", "RESOURCE_EXHAUSTED")


def _details(
    failed: grpc.aio.AioRpcError,
) -> tuple[error_details_pb2.ErrorInfo | None, timedelta | None, Sequence[Violation]]:
    info: Any = None
    retry_after = None
    violations: list[Violation] = []
    for packed in _packed(failed):
        if packed.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            found = error_details_pb2.ErrorInfo()
            packed.Unpack(found)
            info = found if found.domain == DOMAIN else info
        elif packed.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            packed.Unpack(retry)
            retry_after = retry.retry_delay.ToTimedelta()
        elif packed.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = error_details_pb2.BadRequest()
            packed.Unpack(bad)
            violations += [Violation(found.field, found.description) for found in bad.field_violations]
    return info, retry_after, violations


def _packed(failed: grpc.aio.AioRpcError) -> Sequence[Any]:
    for key, value in failed.trailing_metadata() or ():
        if key == _DETAILS and isinstance(value, bytes):
            try:
                return list(status_pb2.Status.FromString(value).details)
            except ValueError:
                return ()
    return ()
