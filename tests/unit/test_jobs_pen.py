"""Frozen batches: offsets, times, attempts, limits, and a final event whatever happens."""

from __future__ import annotations

import pytest

from streamsvc import codec
from streamsvc.jobs import lifecycle
from streamsvc.jobs.pen import AnswerTooLarge, Pen
from streamsvc.producers.base import Finished
from streamsvc.v1 import event_pb2, job_pb2
from tests.support.events import Event, kinds, part_started, pending_job, text, text_of, title, usage

NOW_MS = 1_790_000_000_123
DONE = lifecycle.completed(Finished(job_pb2.FINISH_REASON_STOP))


def pen_of(
    job: job_pb2.Job | None = None,
    *,
    merges: bool = False,
    max_event_bytes: int = 1024 * 1024,
    max_answer_bytes: int = 1024 * 1024,
) -> Pen:
    """Return a pen for a job whose log has one event."""
    return Pen(
        job or pending_job(),
        "e1",
        now_ms=lambda: NOW_MS,
        merges=merges,
        max_event_bytes=max_event_bytes,
        max_answer_bytes=max_answer_bytes,
    )


def times(events: list[Event]) -> list[bool]:
    return [event.HasField("create_time") for event in events]


def test_batches_follow_each_other_without_a_gap() -> None:
    pen = pen_of()
    first, _ = pen.write([lifecycle.started("told", "m"), part_started()])
    second, _ = pen.write([text("a"), text("b", part=1)])
    assert (first.epoch, first.after, first.last) == ("e1", 1, 3)
    assert (second.after, second.last) == (3, 5)
    assert [event.offset for event in codec.decode(first.frames + second.frames)] == [2, 3, 4, 5]


def test_a_batch_that_was_refused_takes_no_offset() -> None:
    pen = pen_of(max_event_bytes=1024)
    with pytest.raises(AnswerTooLarge):
        pen.write([text("x" * 2000)])
    batch, _ = pen.write([text("small")])
    assert (batch.after, batch.last) == (1, 2)


def test_the_first_event_of_a_batch_tells_the_time_and_deltas_after_it_do_not() -> None:
    batch, _ = pen_of().write([text("a"), text("b", part=1), text("c")])
    events = list(codec.decode(batch.frames))
    assert times(events) == [True, False, False]
    assert events[0].create_time.ToMilliseconds() == NOW_MS == batch.time_ms


def test_lifecycle_events_tell_the_time_wherever_they_stand() -> None:
    batch, _ = pen_of().write([text("a"), lifecycle.resumed(2, "LEASE_EXPIRED", restarted=False), text("b"), DONE])
    assert times(list(codec.decode(batch.frames))) == [True, True, False, True]


def test_a_time_that_the_producer_gave_is_kept() -> None:
    event = text("a")
    event.create_time.seconds = 7
    batch, _ = pen_of().write([event])
    assert codec.decode(batch.frames)[0].create_time.seconds == 7


def test_the_events_that_came_in_are_not_changed() -> None:
    events = [text("a"), usage(3), DONE]
    before = [event.SerializeToString() for event in events]
    pen_of().write(events)
    assert [event.SerializeToString() for event in events] == before


def test_usage_is_counted_under_the_attempt_that_is_writing() -> None:
    job = pending_job()
    job.status, job.attempt = job_pb2.JOB_STATUS_RUNNING, 1
    pen = pen_of(job)
    first, _ = pen.write([usage(3)])
    second, _ = pen.write([lifecycle.resumed(2, "LEASE_EXPIRED", restarted=True)])
    third, _ = pen.write([usage(4)])
    attempts = [
        event.usage_updated.entry.attempt
        for event in codec.decode(first.frames + second.frames + third.frames)
        if event.HasField("usage_updated")
    ]
    assert attempts == [1, 2]


def test_the_job_is_given_only_when_the_batch_changes_it() -> None:
    pen = pen_of()
    assert pen.write([text("a")])[1] is None
    started = pen.write([lifecycle.started("told", "m2")])[1]
    named = pen.write([text("b"), title("A title")])[1]
    ended = pen.write([DONE])[1]
    assert started is not None
    assert (started.status, started.model, started.attempt) == (job_pb2.JOB_STATUS_RUNNING, "m2", 1)
    assert named is not None
    assert dict(named.metadata) == {"title": "A title"}
    assert ended is not None
    assert (ended.status, ended.last_offset) == (job_pb2.JOB_STATUS_COMPLETED, 6)
    assert ended.complete_time.ToMilliseconds() == NOW_MS
    assert ended.expire_time.ToMilliseconds() == NOW_MS + 3_600_000


def test_neighbouring_deltas_are_merged_only_where_that_is_wanted() -> None:
    deltas = [text("a "), text("b "), text("c")]
    merged, _ = pen_of(merges=True).write(deltas)
    single, _ = pen_of(merges=False).write(deltas)
    assert kinds(codec.decode(merged.frames)) == ["text_delta"]
    assert text_of(codec.decode(merged.frames)) == text_of(codec.decode(single.frames)) == "a b c"
    assert single.last - single.after == 3


def test_an_event_over_the_limit_is_named_by_the_limit() -> None:
    with pytest.raises(AnswerTooLarge) as refused:
        pen_of(max_event_bytes=1024).write([text("x" * 2000)])
    error = refused.value.error
    assert error.reason == "LIMIT_EXCEEDED"
    assert dict(error.metadata) == {"limit": "max_event_bytes", "bytes": "1024"}


def test_merging_never_makes_an_event_that_is_over_the_limit() -> None:
    words = [f"word {number} ü" for number in range(1000)]
    batch, _ = pen_of(merges=True, max_event_bytes=1024).write([text(word) for word in words])
    events = codec.decode(batch.frames)
    assert text_of(events) == "".join(words)
    assert max(event.ByteSize() for event in events) <= 1024 + 8


def test_an_answer_over_the_limit_is_named_by_the_limit() -> None:
    pen = pen_of(max_answer_bytes=4096)
    for _ in range(3):
        pen.write([text("x" * 1200)])
    with pytest.raises(AnswerTooLarge) as refused:
        pen.write([text("x" * 1200)])
    assert dict(refused.value.error.metadata) == {"limit": "max_answer_bytes", "bytes": "4096"}


def test_the_final_event_is_written_whatever_the_answer_has_grown_to() -> None:
    pen = pen_of(max_answer_bytes=1024)
    pen.write([text("x" * 900)])
    batch, job = pen.write([text("x" * 900), DONE])
    assert kinds(codec.decode(batch.frames)) == ["text_delta", "job_completed"]
    assert job is not None
    assert job.status == job_pb2.JOB_STATUS_COMPLETED


def test_what_a_job_says_of_a_limit_fits_under_the_smallest_limit() -> None:
    pen = pen_of(max_event_bytes=1024, max_answer_bytes=1024)
    with pytest.raises(AnswerTooLarge) as refused:
        pen.write([event_pb2.Event(job_cancelled=event_pb2.JobCancelled(reason="ü" * 2000))])
    batch, _ = pen.write([lifecycle.failed(refused.value.error)])
    assert kinds(codec.decode(batch.frames)) == ["job_failed"]
