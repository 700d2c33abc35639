"""Jobs whose text tells what it must be: they count, so that nothing can be missing, twice or from another answer."""

from __future__ import annotations

from collections.abc import Callable

from streamsvc.v1 import job_service_pb2 as pb
from tests.support.checker import Record
from tests.support.events import kinds, scripted, text_of

CONTINUE, RESTART, FAIL = (
    pb.RECOVERY_POLICY_CONTINUE,
    pb.RECOVERY_POLICY_RESTART,
    pb.RECOVERY_POLICY_FAIL,
)


def counting(
    tokens: int, rate: float, recovery: pb.RecoveryPolicy.ValueType = CONTINUE, *, rich: bool = False
) -> pb.StartGenerationRequest:
    """Return a request to count so far, at so many deltas a second; 0 as fast as it goes."""
    request = scripted(tokens=tokens, rate=rate, pattern="count", rich=rich)
    request.recovery = recovery
    return request


def counted(tokens: int) -> str:
    """Return what a job has said that has counted so far."""
    return "".join(f"{number} " for number in range(tokens))


def said(count: int) -> Callable[[Record], bool]:
    """Return the question whether a reader was shown so many deltas; see `Follower.until`."""
    return lambda record: kinds(record.events).count("text_delta") >= count


def shown(kind: str) -> Callable[[Record], bool]:
    """Return the question whether a reader was shown an event of this kind."""
    return lambda record: kind in kinds(record.events)


def told(count: int) -> Callable[[Record], bool]:
    """Return the question whether a reader was shown a count so far, in however many deltas."""
    return lambda record: text_of(record.events).count(" ") >= count
