"""Every bound on a request, and what is made of one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration

from streamsvc.errors import FieldInvalid
from streamsvc.jobs import requests
from streamsvc.v1 import content_pb2
from streamsvc.v1 import job_service_pb2 as pb

Request = pb.StartGenerationRequest
ID = "0" * 32
MIB = 1024 * 1024


def message(role: int = content_pb2.ROLE_USER, words: str = "hello", data: bytes = b"") -> content_pb2.ChatMessage:
    parts = [content_pb2.ContentPart(text=content_pb2.TextPart(text=words))]
    if data:
        parts.append(content_pb2.ContentPart(file=content_pb2.FilePart(data=data, name="f")))
    return content_pb2.ChatMessage(role=role, parts=parts)  # type: ignore[arg-type]


def refused(check: Callable[[], object]) -> str:
    """Return the field that `check` refuses."""
    with pytest.raises(FieldInvalid) as caught:
        check()
    (violation,) = caught.value.violations
    assert violation.description
    assert caught.value.metadata["field"] == violation.field
    return violation.field


def parameters(**given: object) -> Request:
    return Request(prompt="p", parameters=pb.GenerationParameters(**given))  # type: ignore[arg-type]


def tool(name: str = "t", schema: str = "{}") -> Request:
    return Request(prompt="p", tools=[pb.Tool(name=name, parameters_json=schema)])


FIT = [
    Request(prompt="p", request_id="r" * 128, producer="p" * 128, model="m" * 256, conversation_id="c" * 128),
    Request(messages=[message() for _ in range(1000)]),
    Request(messages=[message(role) for role in (content_pb2.ROLE_SYSTEM, content_pb2.ROLE_USER)]),
    Request(prompt="p", labels={f"{i:064d}": "v" * 256 for i in range(32)}),
    Request(prompt="p", tools=[pb.Tool(name=f"{i:0128d}") for i in range(128)]),
    parameters(stop_sequences=["s"] * 16, temperature=0.0, top_p=1.0, max_tokens=1, extra_json=' {"a": [1]} '),
    Request(prompt="p", previous_job_id=ID, recovery=pb.RECOVERY_POLICY_FAIL, concurrency=pb.CONCURRENCY_POLICY_ALLOW),
]

UNFIT = [
    (Request(), "messages"),
    (Request(prompt="p", messages=[message()]), "prompt"),
    (Request(messages=[message() for _ in range(1001)]), "messages"),
    (Request(messages=[message(content_pb2.ROLE_UNSPECIFIED)]), "messages[0].role"),
    (Request(messages=[message(), message(77)]), "messages[1].role"),
    (Request(messages=[content_pb2.ChatMessage(role=content_pb2.ROLE_USER)]), "messages[0].parts"),
    (
        Request(messages=[content_pb2.ChatMessage(role=content_pb2.ROLE_USER, parts=[content_pb2.ContentPart()])]),
        "messages[0].parts[0]",
    ),
    (Request(prompt="p", request_id="r" * 129), "request_id"),
    (Request(prompt="p", producer="p" * 129), "producer"),
    (Request(prompt="p", model="m" * 257), "model"),
    (Request(prompt="p", conversation_id="c" * 129), "conversation_id"),
    (Request(prompt="p", labels={str(i): "v" for i in range(33)}), "labels"),
    (Request(prompt="p", labels={"": "v"}), "labels"),
    (Request(prompt="p", labels={"k" * 65: "v"}), "labels"),
    (Request(prompt="p", labels={"k": "v" * 257}), "labels['k']"),
    (Request(prompt="p", tools=[pb.Tool(name="t") for _ in range(129)]), "tools"),
    (tool(name=""), "tools[0].name"),
    (tool(name="t" * 129), "tools[0].name"),
    (tool(schema="[]"), "tools[0].parameters_json"),
    (tool(schema="{"), "tools[0].parameters_json"),
    (parameters(extra_json="[1]"), "parameters.extra_json"),
    (parameters(extra_json="nonsense"), "parameters.extra_json"),
    (parameters(extra_json='{"a": NaN}'), "parameters.extra_json"),
    (parameters(extra_json="[" * 100_000), "parameters.extra_json"),
    (parameters(stop_sequences=["s"] * 17), "parameters.stop_sequences"),
    (parameters(max_tokens=0), "parameters.max_tokens"),
    (parameters(temperature=-0.1), "parameters.temperature"),
    (parameters(temperature=float("nan")), "parameters.temperature"),
    (parameters(top_p=float("inf")), "parameters.top_p"),
    (Request(prompt="p", previous_job_id="my-job"), "previous_job_id"),
    (Request(prompt="p", recovery=99), "recovery"),  # type: ignore[arg-type]
    (Request(prompt="p", concurrency=99), "concurrency"),  # type: ignore[arg-type]
    (Request(prompt="p" * MIB), "request"),
]


@pytest.mark.parametrize("request_", FIT)
def test_a_request_at_its_bounds_is_taken(request_: Request) -> None:
    requests.check_start(request_, MIB)


@pytest.mark.parametrize(("request_", "field"), UNFIT)
def test_a_request_over_a_bound_is_refused_by_the_field(request_: Request, field: str) -> None:
    assert refused(lambda: requests.check_start(request_, MIB)) == field


@pytest.mark.parametrize("job_id", ["", "my-job", "0" * 31, "0" * 33, "0" * 31 + "G", "A" * 32, "0" * 31 + "\n"])
def test_a_malformed_job_id_is_refused(job_id: str) -> None:
    assert refused(lambda: requests.check_job_id(job_id)) == "job_id"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.StreamJobRequest(job_id="x"), "job_id"),
        (pb.StreamJobRequest(job_id=ID, after_offset=-1), "after_offset"),
        (pb.StreamJobRequest(job_id=ID, epoch="e" * 129), "epoch"),
        (pb.StreamJobRequest(job_id=ID, catch_up=99), "catch_up"),  # type: ignore[arg-type]
    ],
)
def test_a_stream_that_makes_no_sense_is_refused(request_: pb.StreamJobRequest, field: str) -> None:
    assert refused(lambda: requests.check_stream(request_)) == field


def test_a_stream_at_its_bounds_is_taken() -> None:
    last = 2**31 - 1
    for mode in pb.CatchUpMode.values():
        requests.check_stream(pb.StreamJobRequest(job_id=ID, after_offset=last, epoch="e" * 128, catch_up=mode))


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListJobsRequest(page_size=-1), "page_size"),
        (pb.ListJobsRequest(page_size=1001), "page_size"),
        (pb.ListJobsRequest(page_token="t" * 129), "page_token"),
        (pb.ListJobsRequest(conversation_id="c" * 129), "conversation_id"),
        (pb.ListJobsRequest(statuses=[1, 99]), "statuses[1]"),  # type: ignore[list-item]
    ],
)
def test_a_list_that_makes_no_sense_is_refused(request_: pb.ListJobsRequest, field: str) -> None:
    assert refused(lambda: requests.check_list(request_)) == field


def test_a_watch_is_bounded() -> None:
    requests.check_watch(pb.WatchJobsRequest(conversation_id="c" * 128, watch_token="t" * 128))
    long = "x" * 129
    assert refused(lambda: requests.check_watch(pb.WatchJobsRequest(conversation_id=long))) == "conversation_id"
    assert refused(lambda: requests.check_watch(pb.WatchJobsRequest(watch_token=long))) == "watch_token"


def test_a_reason_to_cancel_is_bounded() -> None:
    requests.check_reason("ü" * 500)
    assert refused(lambda: requests.check_reason("r" * 501)) == "reason"


@pytest.mark.parametrize(
    ("wanted", "seconds"),
    [
        (None, 15.0),
        (Duration(seconds=20), 20.0),
        (Duration(), 1.0),
        (Duration(nanos=5), 1.0),
        (Duration(seconds=-(2**62)), 1.0),
        (Duration(seconds=61), 60.0),
        (Duration(seconds=2**62), 60.0),
    ],
)
def test_the_longest_silence_is_kept_within_bounds(wanted: Duration | None, seconds: float) -> None:
    assert requests.heartbeat_seconds(wanted, timedelta(seconds=15)) == seconds


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (None, timedelta(hours=1)),
        (Duration(), timedelta()),
        (Duration(seconds=-5), timedelta()),
        (Duration(seconds=90), timedelta(seconds=90)),
        (Duration(seconds=2**62), timedelta(days=30)),
    ],
)
def test_the_retention_is_kept_within_bounds(wanted: Duration | None, kept: timedelta) -> None:
    assert requests.retention(wanted, timedelta(hours=1)) == kept


def test_a_prompt_is_one_message_of_the_person() -> None:
    (said,) = requests.messages_of(Request(prompt="why?"))
    assert said.role == content_pb2.ROLE_USER
    assert [part.text.text for part in said.parts] == ["why?"]


def test_readers_are_shown_what_came_after_the_last_answer_without_instructions() -> None:
    roles = (content_pb2.ROLE_USER, content_pb2.ROLE_ASSISTANT, content_pb2.ROLE_SYSTEM, content_pb2.ROLE_USER)
    shown = requests.input_of([message(role, str(number)) for number, role in enumerate(roles)])
    assert [said.parts[0].text.text for said in shown] == ["3"]


def test_readers_are_not_shown_large_files_and_the_producer_still_is() -> None:
    small, large = message(data=b"x" * 65_536), message(data=b"x" * 65_537)
    shown = requests.input_of([small, large])
    assert [len(said.parts[1].file.data) for said in shown] == [65_536, 0]
    assert shown[1].parts[1].file.name == "f"
    assert len(large.parts[1].file.data) == 65_537
