"""The errors: each reason with its code, each documented, and nothing in a message that is not in its metadata."""

from __future__ import annotations

import re
from datetime import timedelta

import grpc
import pytest

from streamsvc import codec, errors
from streamsvc.errors import FieldInvalid, JobDeleted, JobNotFound, StreamsvcError, all_errors, of_reason

CODES = {
    "FIELD_INVALID": "INVALID_ARGUMENT",
    "EVENT_INVALID": "INVALID_ARGUMENT",
    "PRODUCER_UNKNOWN": "INVALID_ARGUMENT",
    "MODEL_UNKNOWN": "INVALID_ARGUMENT",
    "TOKEN_MISSING": "UNAUTHENTICATED",
    "TOKEN_INVALID": "UNAUTHENTICATED",
    "SCOPE_MISSING": "PERMISSION_DENIED",
    "JOB_NOT_FOUND": "NOT_FOUND",
    "REQUEST_ID_REUSED": "ALREADY_EXISTS",
    "CONVERSATION_BUSY": "FAILED_PRECONDITION",
    "INPUT_ANSWERED": "FAILED_PRECONDITION",
    "STATE_TOO_LARGE": "FAILED_PRECONDITION",
    "LEASE_HELD": "FAILED_PRECONDITION",
    "LEASE_LOST": "FAILED_PRECONDITION",
    "LOG_CLOSED": "FAILED_PRECONDITION",
    "OFFSET_MISMATCH": "ABORTED",
    "QUOTA_EXCEEDED": "RESOURCE_EXHAUSTED",
    "OVERLOADED": "RESOURCE_EXHAUSTED",
    "STORE_UNAVAILABLE": "UNAVAILABLE",
    "SERVER_DRAINING": "UNAVAILABLE",
    "LOG_CORRUPT": "DATA_LOSS",
    "INTERNAL": "INTERNAL",
}


def test_each_reason_has_its_code() -> None:
    assert CODES.items() <= {cls.reason: cls.code for cls in all_errors()}.items()


@pytest.mark.parametrize("cls", all_errors(), ids=lambda cls: cls.reason)
def test_each_class_is_named_after_its_reason_and_says_what_to_do(cls: type[StreamsvcError]) -> None:
    assert re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).upper() == cls.reason
    assert of_reason(cls.reason) is cls
    assert hasattr(grpc.StatusCode, cls.code)
    assert cls.advice
    assert vars(cls)["__doc__"].endswith(".")


@pytest.mark.parametrize("cls", [*all_errors(), JobDeleted], ids=lambda cls: cls.__name__)
def test_each_class_is_in_the_picture_of_them(cls: type[StreamsvcError]) -> None:
    assert cls.__name__ in re.findall(r"\w+", errors.__doc__ or "")


def test_a_reason_of_others_is_unknown() -> None:
    assert of_reason("RATE_LIMIT_EXCEEDED") is None


def test_a_deleted_job_is_not_found_to_callers() -> None:
    error = JobDeleted.of("j")
    assert isinstance(error, JobNotFound)
    assert (error.reason, error.code) == (JobNotFound.reason, JobNotFound.code)
    assert error.message == JobNotFound.of("j").message


def test_an_error_carries_what_it_was_given() -> None:
    error = errors.LeaseHeld("wait", {"job_id": "j"}, retry_after=timedelta(seconds=2))
    assert str(error) == error.message == "wait"
    assert (error.metadata, error.violations, error.retry_after) == ({"job_id": "j"}, (), timedelta(seconds=2))
    assert errors.Internal("x").metadata == {}


def test_a_field_that_broke_a_rule_is_named_with_the_rule() -> None:
    error = errors.ModelUnknown.of("model", "no model gpt-0: there are a, b", known="a, b")
    assert isinstance(error, FieldInvalid)
    assert error.reason == "MODEL_UNKNOWN"
    assert [(found.field, found.description) for found in error.violations] == [
        ("model", "no model gpt-0: there are a, b")
    ]
    assert error.metadata == {"field": "model", "known": "a, b"}


@pytest.mark.parametrize("broken", [b"\x0b", b"\x0a\x09\x08\x01", b"\x0a", b"\x0a\x02\x08\x80"])
def test_every_number_in_the_message_of_corrupt_bytes_is_in_its_metadata(broken: bytes) -> None:
    with pytest.raises(errors.LogCorrupt) as raised:
        list(codec.spans(broken))
    assert re.findall(r"\d+", raised.value.message) == list(raised.value.metadata.values())
