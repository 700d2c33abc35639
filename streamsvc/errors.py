"""What can go wrong in a call: one class a reason, each with its gRPC code and what the caller should do.

    StreamsvcError
    +-- FieldInvalid                       fix the call
    |   +-- EventInvalid
    |   +-- ProducerUnknown
    |   +-- ModelUnknown
    +-- TokenMissing, TokenInvalid         sign in
    +-- ScopeMissing                       ask for access
    +-- JobNotFound                        stop
    |   +-- JobDeleted                     the same to callers; a tombstone says so
    +-- RequestIdReused                    fix the call
    +-- ConversationBusy, InputAnswered    follow the job that the error names
    +-- StateTooLarge                      use StreamJob with SNAPSHOT
    +-- LeaseHeld                          wait
    +-- LeaseLost, LogClosed               stop writing
    +-- OffsetMismatch                     drop what is stored, send the rest
    +-- QuotaExceeded, Overloaded          slow down
    +-- StoreUnavailable, ServerDraining, ReaderStalled   resume
    +-- LogCorrupt, Internal               report

On the wire an error is a `google.rpc.Status` with an ErrorInfo of domain `streamsvc` (https://google.aip.dev/193):
every value that the message mentions is in its metadata too. docs/errors.md is made from this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

DOMAIN = "streamsvc"


@dataclass(frozen=True, slots=True)
class Violation:
    """A field that broke a rule: its path, such as `messages[0].parts`, and the rule in words."""

    field: str
    description: str


class StreamsvcError(Exception):
    """A failed call.

    `message` is one sentence for a developer, `metadata` the values in it, `retry_after` how long to wait before
    the next attempt where the server knows, `violations` the fields that were wrong.
    """

    reason: ClassVar[str]
    code: ClassVar[str]
    advice: ClassVar[str]

    def __init__(
        self,
        message: str,
        metadata: Mapping[str, str] | None = None,
        *,
        violations: Sequence[Violation] = (),
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.violations = tuple(violations)
        self.retry_after = retry_after
        self.metadata: Mapping[str, str] = metadata or {}


class FieldInvalid(StreamsvcError):
    """A field of the request broke a rule; `violations` names it, the rule and the way out."""

    reason, code, advice = "FIELD_INVALID", "INVALID_ARGUMENT", "fix the call"

    @classmethod
    def of(cls, field: str, description: str, **metadata: str) -> FieldInvalid:
        """Return the error of one field."""
        violation = Violation(field, description)
        return cls(f"{field}: {description}", {"field": field, **metadata}, violations=[violation])


class EventInvalid(FieldInvalid):
    """An event broke a rule, such as a delta for a part that was never opened."""

    reason = "EVENT_INVALID"


class ProducerUnknown(FieldInvalid):
    """No producer of this name is configured; the message names those that are."""

    reason = "PRODUCER_UNKNOWN"


class ModelUnknown(FieldInvalid):
    """The producer has no model of this name, or no default one."""

    reason = "MODEL_UNKNOWN"


class TokenMissing(StreamsvcError):
    """The call carries no token, and the service asks for one."""

    reason, code, advice = "TOKEN_MISSING", "UNAUTHENTICATED", "sign in"


class TokenInvalid(StreamsvcError):
    """The token is malformed, expired or of an unknown issuer."""

    reason, code, advice = "TOKEN_INVALID", "UNAUTHENTICATED", "sign in again"


class ScopeMissing(StreamsvcError):
    """The caller is known but may not do this; the message names the scope."""

    reason, code, advice = "SCOPE_MISSING", "PERMISSION_DENIED", "ask for access"


class JobNotFound(StreamsvcError):
    """No such job: unknown, expired, deleted, or of another owner. Callers are not told which."""

    reason, code, advice = "JOB_NOT_FOUND", "NOT_FOUND", "stop"

    @classmethod
    def of(cls, job_id: str) -> JobNotFound:
        """Return the error of this job."""
        return cls(f"there is no job {job_id}, or it is not yours", {"job_id": job_id})


class JobDeleted(JobNotFound):
    """The same to callers; inside, the certainty that a tombstone gives: the job will not come back."""


class RequestIdReused(StreamsvcError):
    """The request_id belongs to an earlier request with other content."""

    reason, code, advice = "REQUEST_ID_REUSED", "ALREADY_EXISTS", "fix the call"


class ConversationBusy(StreamsvcError):
    """The conversation has a running job, and the caller asked not to start a second one."""

    reason, code, advice = "CONVERSATION_BUSY", "FAILED_PRECONDITION", "follow the running job"


class InputAnswered(StreamsvcError):
    """The question has its answer already; the error names the job that has it."""

    reason, code, advice = "INPUT_ANSWERED", "FAILED_PRECONDITION", "follow the job that has the answer"

    @property
    def job_id(self) -> str:
        """The job that has the first answers."""
        return self.metadata.get("job_id", "")


class StateTooLarge(StreamsvcError):
    """The state does not fit into one message."""

    reason, code, advice = "STATE_TOO_LARGE", "FAILED_PRECONDITION", "use StreamJob with CATCH_UP_MODE_SNAPSHOT"


class LeaseHeld(StreamsvcError):
    """Another producer writes the job, and its lease has not run out."""

    reason, code, advice = "LEASE_HELD", "FAILED_PRECONDITION", "wait"


class LeaseLost(StreamsvcError):
    """The job has changed hands: what this writer says is not taken any more."""

    reason, code, advice = "LEASE_LOST", "FAILED_PRECONDITION", "stop writing"


class LogClosed(StreamsvcError):
    """The log has its final event."""

    reason, code, advice = "LOG_CLOSED", "FAILED_PRECONDITION", "stop writing"


class OffsetMismatch(StreamsvcError):
    """The log does not end where the batch begins; the error names the last stored offset."""

    reason, code, advice = "OFFSET_MISMATCH", "ABORTED", "drop what is stored, send the rest"


class QuotaExceeded(StreamsvcError):
    """The caller has used up what it is allowed."""

    reason, code, advice = "QUOTA_EXCEEDED", "RESOURCE_EXHAUSTED", "slow down"


class Overloaded(StreamsvcError):
    """The service has no room for more just now."""

    reason, code, advice = "OVERLOADED", "RESOURCE_EXHAUSTED", "slow down"


class StoreUnavailable(StreamsvcError):
    """The store does not answer."""

    reason, code, advice = "STORE_UNAVAILABLE", "UNAVAILABLE", "resume"


class ServerDraining(StreamsvcError):
    """This instance is about to stop."""

    reason, code, advice = "SERVER_DRAINING", "UNAVAILABLE", "resume, on another instance"


class ReaderStalled(StreamsvcError):
    """The reader has taken nothing for `reader_stall_timeout`: the call is ended, the cursor stays good."""

    reason, code, advice = "READER_STALLED", "UNAVAILABLE", "resume"


class LogCorrupt(StreamsvcError):
    """The stored bytes are not what was written."""

    reason, code, advice = "LOG_CORRUPT", "DATA_LOSS", "report"


class Internal(StreamsvcError):
    """A bug. The error carries an incident id that stands in the service's log, and nothing else."""

    reason, code, advice = "INTERNAL", "INTERNAL", "report"


def of_reason(reason: str) -> type[StreamsvcError] | None:
    """Return the class of a reason, None if it is not one of ours."""
    return _BY_REASON.get(reason)


def all_errors() -> Sequence[type[StreamsvcError]]:
    """Return a class for each reason, in the order of this module."""
    return tuple(_BY_REASON.values())


def _subclasses(cls: type[StreamsvcError]) -> Sequence[type[StreamsvcError]]:
    return [found for child in cls.__subclasses__() for found in (child, *_subclasses(child))]


# A subclass that only refines its parent inside the service has no reason of its own.
_BY_REASON = {cls.reason: cls for cls in _subclasses(StreamsvcError) if "reason" in vars(cls)}
