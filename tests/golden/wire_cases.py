"""The messages whose bytes are frozen: name, what it shows, and the message."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from streamsvc.v1 import content_pb2, event_pb2, job_pb2, job_service_pb2, state_pb2
from tests.support.strategies import delta, unknown_event

Event = event_pb2.Event
Response = job_service_pb2.StreamJobResponse

_JOB = job_pb2.Job(
    id="0198c2f4e5b07c3a9d1e6f708192a3b4",
    status=job_pb2.JOB_STATUS_PENDING,
    owner="ada",
    conversation_id="c-1",
    producer="openai",
    model="gpt",
    labels={"app": "chat"},
    create_time=Timestamp(seconds=1_790_000_000, nanos=123_000_000),
    retention=Duration(seconds=3600),
)


def _frame(offset: int, event: Event) -> Response:
    event.offset = offset
    return Response(events=[event])


def _started() -> Event:
    part = content_pb2.ContentPart(index=1, step_id="s-1", text=content_pb2.TextPart())
    return Event(part_started=event_pb2.PartStarted(part=part))


def _created() -> Event:
    user = content_pb2.ChatMessage(role=content_pb2.ROLE_USER, id="m-1")
    user.parts.add().text.text = "Hello?"
    created = event_pb2.JobCreated(job=_JOB, input=[user])
    return Event(create_time=_JOB.create_time, job_created=created)


def _last() -> Response:
    completed = event_pb2.JobCompleted(finish_reason=job_pb2.FINISH_REASON_STOP, upstream_finish_reason="stop")
    response = _frame(300, Event(create_time=Timestamp(seconds=1_790_000_009), job_completed=completed))
    response.MergeFrom(Response(last_offset=300, closed=True))
    return response


def _slice() -> Response:
    part = content_pb2.ContentPart(index=0, text=content_pb2.TextPart(text="Hel"))
    return Response(snapshot=state_pb2.JobState(job=_JOB, offset=41, parts=[part]), snapshot_continues=True)


def _last_slice() -> Response:
    part = content_pb2.ContentPart(index=0, text=content_pb2.TextPart(text="lo"))
    return Response(snapshot=state_pb2.JobState(parts=[part]), epoch="3f9a-e-2")


def _joined() -> Response:
    response = _frame(8, delta("text", 0, "Hel"))
    response.MergeFrom(_frame(9, delta("text", 0, "lo")))
    return response


WIRE: Sequence[tuple[str, str, Response]] = (
    ("text_delta", "what is sent most often", _frame(7, delta("text", 0, "Hello"))),
    (
        "text_delta_of_a_later_part",
        "characters of one to four bytes, and a line end",
        _frame(128, delta("text", 2, "aé漢𝔘\r\n")),
    ),
    ("empty_text_delta", "an empty payload is there all the same", _frame(2, delta("text", 0, ""))),
    ("reasoning_delta", "", _frame(3, delta("reasoning", 0, "Hm"))),
    ("tool_call_delta", "", _frame(4, delta("tool_call", 1, '{"city":'))),
    ("part_started", "", _frame(5, _started())),
    ("job_created", "the first event of every log, with its time", _frame(1, _created())),
    ("largest_offset", "2^31 - 1", _frame(2**31 - 1, delta("text", 0, "z"))),
    ("event_of_a_later_version", "a kind that is not known is kept as it is", _frame(6, unknown_event(200, b"later"))),
    ("joined_frames", "two frames are one response", _joined()),
    ("first_head", "the first message that knows the job", Response(epoch="3f9a-e-1", last_offset=41)),
    ("heartbeat", "says nothing", Response()),
    ("heartbeat_with_offset", "", Response(last_offset=42)),
    ("last_message", "the final event, and that it is the final one", _last()),
    ("snapshot_slice", "one slice of a state that goes on in the next message", _slice()),
    ("last_snapshot_slice", "the rest: part 0 goes on; with it the caller takes over the epoch", _last_slice()),
)
