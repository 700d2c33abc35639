"""What a producer promises: it turns a request into events, and knows nothing of jobs, offsets or stores."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from streamsvc.v1 import event_pb2, job_pb2, job_service_pb2, state_pb2


@dataclass(frozen=True, slots=True)
class Finished:
    """The last item of a generation: why the model stopped, and the same in the upstream's own word."""

    reason: job_pb2.FinishReason.ValueType
    upstream_reason: str = ""


class UpstreamError(Exception):
    """The upstream failed. The job ends with JobFailed and keeps what was said.

    `reason` is one of UPSTREAM_UNAVAILABLE, UPSTREAM_TIMEOUT, UPSTREAM_REJECTED, UPSTREAM_RATE_LIMITED and
    UPSTREAM_INVALID. `message` is one sentence for a developer, without content and without secrets. `retryable` tells
    whether starting the same generation again may help, `retried` that the producer's own library has tried already:
    if not, and nothing was said yet, the runner tries again.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        retryable: bool,
        retried: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retryable = retryable
        self.retried = retried
        self.metadata = metadata or {}


class Notes:
    """A small private record kept beside the job for the next attempt, and seen by no reader.

    Such as an upstream's response id. It is stored with the next events.
    """

    def __init__(self, stored: bytes = b"") -> None:
        self._value = stored
        self._changed = False

    @property
    def value(self) -> bytes:
        """What was noted last; empty if nothing was."""
        return self._value

    @value.setter
    def value(self, value: bytes) -> None:
        self._changed = self._changed or value != self._value
        self._value = value

    def take_change(self) -> bytes | None:
        """Return the value if it has changed since the last call, else None."""
        changed, self._changed = self._changed, False
        return self._value if changed else None


@runtime_checkable
class Lasting(Protocol):
    """A producer whose upstream may go on when nobody listens to it."""

    async def stop(self, notes: Notes) -> None:
        """End the upstream's run that `notes` tell of, if they tell of one. Raises UpstreamError."""
        ...


class Producer(Protocol):
    """One configured upstream."""

    @property
    def name(self) -> str:
        """The name that requests pick it by."""
        ...

    @property
    def default_model(self) -> str:
        """The model of a request that names none. Empty if the request must name one."""
        ...

    def continues(self, request: job_service_pb2.StartGenerationRequest) -> bool:
        """Tell whether `generate` could go on from what an earlier attempt at `request` said.

        `request` is as it came in: its model may be unset, and a prompt stand for the messages. Raises nothing for one
        that `check` has passed.
        """
        ...

    def check(self, request: job_service_pb2.StartGenerationRequest) -> None:
        """Look at a request before a job is made of it. Raises FieldInvalid."""
        ...

    def generate(
        self,
        request: job_service_pb2.StartGenerationRequest,
        so_far: state_pb2.JobState | None,
        notes: Notes,
    ) -> AsyncIterator[event_pb2.Event | Finished]:
        """Yield events without offsets as the upstream sends them, and `Finished` as the last item.

        `request.model` is set. `so_far` is what an earlier attempt said, to be continued; None for a first attempt.
        Nothing of it is said again: open parts grow further, or are begun anew by PartReplaced. Parts are opened by
        PartStarted under the next free index. The lifecycle events are not the producer's.
        Closing the iterator closes the upstream's connection.

        Raises UpstreamError.
        """
        ...
