"""The outbox of a publisher: frozen once taken, merged before that, and kept for a loss."""

from __future__ import annotations

from streamsvc.client.publish_outbox import (
    FULL_BYTES,
    KEPT_BYTES,
    MAX_BYTES,
    MAX_DELTA_CHARACTERS,
    MAX_EVENTS,
    Outbox,
)
from streamsvc.v1 import event_pb2
from tests.support.events import Event, text, text_of


def outbox(stored: int = 2) -> Outbox:
    return Outbox(stored, now_ms=lambda: 1_790_000_000_000)


def custom(size: int = 0) -> Event:
    return Event(custom=event_pb2.CustomEvent(name="acme.x", json=f'"{"x" * size}"'))


def test_text_of_one_part_becomes_one_event_until_it_is_taken() -> None:
    box = outbox()
    for words in ("a", "b", "c"):
        box.say(0, words)
    assert [event.text_delta.text for event in box.take()] == ["abc"]
    box.say(0, "d")
    box.say(1, "e")
    box.put(custom())
    box.say(1, "f")
    assert [event.text_delta.text for event in box.take()] == ["abc"]
    box.is_stored(3)
    assert [event.text_delta.text for event in box.take()] == ["d", "e", "", "f"]


def test_a_delta_does_not_grow_without_end() -> None:
    box = outbox()
    for _ in range(3):
        box.say(0, "x" * (MAX_DELTA_CHARACTERS // 2))
    assert [len(event.text_delta.text) for event in box.take()] == [MAX_DELTA_CHARACTERS, MAX_DELTA_CHARACTERS // 2]


def test_events_that_were_put_are_never_merged() -> None:
    box = outbox()
    box.put(text("a"))
    box.put(text("b"))
    box.say(0, "c")
    assert [event.text_delta.text for event in box.take()] == ["a", "b", "c"]


def test_what_was_taken_stays_the_same_until_it_is_stored() -> None:
    box = outbox()
    box.put(text("a"))
    first = list(box.take())
    box.put(text("b"))
    assert list(box.take()) == first
    assert first[0].create_time.seconds == 1_790_000_000
    box.is_stored(3)
    assert text_of(box.take()) == "b"
    assert box.stored == 3


def test_a_batch_is_bounded_by_number_and_by_size() -> None:
    box = outbox()
    for _ in range(MAX_EVENTS + 10):
        box.put(custom())
    assert len(box.take()) == MAX_EVENTS
    large = outbox()
    large.put(custom(2 * MAX_BYTES))
    large.put(custom())
    assert len(large.take()) == 1


def test_the_final_event_has_the_services_time() -> None:
    box = outbox()
    box.put(Event(job_completed=event_pb2.JobCompleted()))
    assert not box.take()[0].HasField("create_time")


def test_after_a_loss_the_same_events_are_sent_again() -> None:
    box = outbox()
    sent: list[Event] = []
    for words in ("a", "b", "c", "d"):
        box.put(text(words))
        sent += box.take()
        box.is_stored(box.stored + 1)
    assert box.emptied.is_set()
    assert box.is_lost(4)
    assert (box.stored, list(box.take())) == (4, sent[2:])
    box.is_stored(6)
    assert box.emptied.is_set()
    assert box.is_lost(2)
    assert list(box.take()) == sent


def test_what_was_never_said_here_cannot_be_sent_again() -> None:
    box = outbox(stored=5)
    box.put(text("a"))
    box.take()
    box.is_stored(6)
    assert not box.is_lost(4)
    assert not box.is_lost(7)
    assert box.is_lost(6)


def test_only_so_much_is_kept_for_a_loss() -> None:
    box, size = outbox(0), KEPT_BYTES // 4
    for _ in range(8):
        box.put(custom(size))
        box.take()
        box.is_stored(box.stored + 1)
    assert not box.is_lost(3)
    assert box.is_lost(6)


def test_a_full_outbox_says_so_until_it_is_sent() -> None:
    box = outbox()
    assert box.room.is_set()
    box.put(custom(FULL_BYTES))
    assert not box.room.is_set()
    assert box.filled.is_set()
    box.take()
    box.is_stored(3)
    assert box.room.is_set()
    assert not box.filled.is_set()
