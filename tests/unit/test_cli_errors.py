"""Errors as people read them: one sentence that names the way out."""

from __future__ import annotations

import pytest

from streamsvc.cli.calls import targets_of
from streamsvc.cli.errors import Mistake, failure, sentence
from streamsvc.client import GaveUp, Unreachable
from streamsvc.errors import (
    ConversationBusy,
    FieldInvalid,
    InputAnswered,
    JobNotFound,
    Overloaded,
    ProducerUnknown,
    StateTooLarge,
    StreamsvcError,
)
from streamsvc.v1 import job_pb2

TARGET = "127.0.0.1:50051"


def unreachable(code: str) -> Unreachable:
    error = Unreachable("failed to connect")
    error.code = code  # type: ignore[misc]
    return error


@pytest.mark.parametrize(
    ("error", "way_out"),
    [
        (unreachable("UNAVAILABLE"), "start one with `streamsvc serve`"),
        (unreachable("UNIMPLEMENTED"), "is it another service"),
        (GaveUp("nothing came for 300 s; last: x"), "out of reach: nothing came for 300 s"),
        (JobNotFound.of("0" * 32), "`streamsvc list` shows"),
        (FieldInvalid.of("job_id", "must be 32 characters"), "`streamsvc list` shows the ids"),
        (FieldInvalid.of("parameters.extra_json", "is not JSON"), "correct --extra"),
        (FieldInvalid.of("labels['x']", "has 300 characters"), "correct --label"),
        (ProducerUnknown.of("producer", "'x' is not configured; known: scripted"), "with --producer"),
        (ProducerUnknown.of("producer", "'openai' is not configured; known: scripted"), "set OPENAI_API_KEY"),
        (ProducerUnknown.of("producer", "'anthropic' is not configured; known: scripted"), "set ANTHROPIC_API_KEY"),
        (ConversationBusy("busy", {"job_id": "abc"}), "`streamsvc follow abc`"),
        (InputAnswered("answered", {"job_id": "abc"}), "`streamsvc follow abc`"),
        (StateTooLarge("too large", {"job_id": "abc"}), "`streamsvc follow abc`"),
        (Overloaded("full"), "try again later"),
    ],
)
def test_each_error_is_one_sentence_with_a_way_out(error: StreamsvcError, way_out: str) -> None:
    said = sentence(error, TARGET)
    assert way_out in said
    assert "\n" not in said


def test_the_reason_stays_for_those_who_search_for_it() -> None:
    assert sentence(JobNotFound.of("0" * 32), TARGET).startswith("JOB_NOT_FOUND: there is no job 000")
    assert sentence(unreachable("UNAVAILABLE"), TARGET).startswith(f"no service answers at {TARGET}: ")


def test_a_value_that_the_service_did_not_name_leaves_a_gap_to_fill() -> None:
    assert "`streamsvc follow JOB_ID`" in sentence(ConversationBusy("busy"), TARGET)


def test_an_error_of_a_later_service_is_passed_on() -> None:
    later = type("Later", (StreamsvcError,), {"reason": "NEW", "code": "ABORTED"})
    assert sentence(later("something"), TARGET) == "NEW: something"


def test_a_target_without_a_port_is_told_so() -> None:
    assert "needs a port" in sentence(unreachable("UNAVAILABLE"), "localhost")


def test_only_an_upstream_with_an_address_can_be_started() -> None:
    error = job_pb2.JobError(reason="UPSTREAM_UNAVAILABLE", message="broken off")
    assert failure(error) == "UPSTREAM_UNAVAILABLE: broken off"
    error.metadata["base_url"] = "http://127.0.0.1:1/v1"
    assert "start it, or correct its base_url" in failure(error)


def test_targets_are_split_and_an_empty_one_is_refused() -> None:
    assert targets_of("a:1, b:2,") == ["a:1", "b:2"]
    with pytest.raises(Mistake, match="HOST:PORT"):
        targets_of(" , ")
