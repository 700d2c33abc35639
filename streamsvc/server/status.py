"""Errors on the wire: google.rpc.Status with ErrorInfo, and RetryInfo or BadRequest where they say more."""

from __future__ import annotations

from datetime import timedelta

import grpc
from google.protobuf import any_pb2, message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from streamsvc.errors import DOMAIN, FieldInvalid, StreamsvcError

DEFAULT_RETRY = timedelta(seconds=1)
"""What a caller is told to wait where the error itself does not know: of codes that are worth another attempt."""

_RETRYABLE = ("UNAVAILABLE", "RESOURCE_EXHAUSTED")


def status_of(error: StreamsvcError, jitter: float) -> grpc.Status:
    """Return the status that carries `error`.

    `jitter` is a float in [0, 1): waits are spread over half to one and a half of their length, so that callers that
    were sent away together do not come back together.
    """
    details: list[message.Message] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=dict(error.metadata))
    ]
    wait = error.retry_after or (DEFAULT_RETRY if error.code in _RETRYABLE else None)
    if wait is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromTimedelta(wait * (0.5 + jitter))
        details.append(retry)
    if isinstance(error, FieldInvalid):
        violations = [
            error_details_pb2.BadRequest.FieldViolation(
                field=violation.field, description=violation.description, reason=error.reason
            )
            for violation in error.violations
        ]
        details.append(error_details_pb2.BadRequest(field_violations=violations))
    packed = []
    for detail in details:
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    code = code_pb2.Code.Value(error.code)
    return rpc_status.to_status(status_pb2.Status(code=code, message=error.message, details=packed))
