"""What a framework tells of its run, as events: in one go, and gone on with by another process after a kill."""

from __future__ import annotations

from collections.abc import Sequence

from streamsvc.adapters.saying import Saying
from streamsvc.fold import Fold
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2

RUNNING = content_pb2.RUN_STEP_STATUS_RUNNING
SUCCEEDED = content_pb2.RUN_STEP_STATUS_SUCCEEDED
CANCELLED = content_pb2.RUN_STEP_STATUS_CANCELLED
CALL_RUNNING = content_pb2.TOOL_CALL_STATUS_RUNNING
CALL_SUCCEEDED = content_pb2.TOOL_CALL_STATUS_SUCCEEDED


def test_parts_that_grow_side_by_side_are_told_apart_by_their_keys() -> None:
    saying = Saying()
    saying.text("a", "Hel")
    saying.reasoning("b", "hm")
    saying.text("a", "lo")
    state = folded(saying.end())
    assert texts(state) == ["Hello", "hm"]
    assert all(part.completed for part in state.parts)
    assert state.job.finish_reason == job_pb2.FINISH_REASON_STOP


def test_a_step_ends_with_its_parts_and_a_call_goes_on_in_the_next_one() -> None:
    saying = Saying()
    saying.step("model", "node")
    saying.text("a", "I will add.", "model")
    saying.call("c1", "add", "model")
    saying.argue("c1", '{"a":1}')
    saying.step_ended("model")
    state = folded(saying.take())
    assert [part.completed for part in state.parts] == [True, False]
    saying.step("tools", "node")
    saying.update("c1", CALL_RUNNING)
    saying.update("c1", CALL_SUCCEEDED, content_pb2.ToolResultPart(text="1"))
    state = folded(saying.end(), state)
    assert state.parts[1].completed
    assert state.parts[1].tool_call.results[0].text == "1"
    assert [step.status for step in state.steps] == [SUCCEEDED, SUCCEEDED]


def test_what_had_ended_stays_and_the_rest_is_said_anew_in_its_place() -> None:
    state = killed()
    saying = Saying(state)
    saying.step("one", "node")
    saying.step("two", "node")
    saying.text("c", "other words", "two")
    state = folded(saying.end(), state)
    assert texts(state) == ["first", "other words"]
    assert [(step.id, step.status) for step in state.steps] == [("one", SUCCEEDED), ("two", SUCCEEDED)]


def test_a_text_that_is_repeated_is_never_taken_away() -> None:
    state = killed()
    saying = Saying(state)
    saying.step("two", "node")
    saying.text("c", "sec", "two")
    saying.text("c", "ond and", "two")
    events = saying.take()
    assert not any(event.HasField("part_replaced") for event in events)
    assert [event.text_delta.text for event in events if event.HasField("text_delta")] == ["d and"]
    assert texts(folded(events, state)) == ["first", "second and"]


def test_a_text_that_differs_is_set_back_where_it_begins_to_differ() -> None:
    state = killed()
    saying = Saying(state)
    saying.step("two", "node")
    saying.text("c", "se", "two")
    assert texts(folded(saying.take(), state)) == ["first", "secon"]
    saying.text("c", "ven", "two")
    state = folded(saying.end(), state)
    assert texts(state) == ["first", "seven"]


def test_a_text_that_ends_earlier_than_before_is_cut_there() -> None:
    state = killed()
    saying = Saying(state)
    saying.step("two", "node")
    saying.text("c", "se", "two")
    state = folded(saying.end(), state)
    assert texts(state) == ["first", "se"]
    assert state.parts[1].completed


def test_parts_find_the_place_of_their_own_step_first() -> None:
    begun = Saying()
    for step in ("left", "right"):
        begun.step(step, "node")
        begun.text(step, f"{step} begun", step)
    state = folded(begun.take())
    saying = Saying(state)
    for step in ("right", "left"):
        saying.step(step, "node")
        saying.text(step, f"{step} anew", step)
    assert texts(folded(saying.end(), state)) == ["left anew", "right anew"]


def test_what_nothing_takes_the_place_of_is_emptied_and_its_step_is_cancelled() -> None:
    state = folded(Saying(killed()).end(), killed())
    assert texts(state) == ["first", ""]
    assert [(step.id, step.status) for step in state.steps] == [("one", SUCCEEDED), ("two", CANCELLED)]


def test_a_framework_that_runs_a_step_again_says_it_anew_although_it_had_ended() -> None:
    state = killed()
    saying = Saying(state, kept=())
    saying.step("one", "node")
    saying.text("b", "first", "one")
    saying.step_ended("one")
    saying.step("two", "node")
    saying.text("c", "second", "two")
    state = folded(saying.end(), state)
    assert texts(state) == ["first", "second"]
    assert [(step.id, step.status) for step in state.steps] == [("one", SUCCEEDED), ("two", SUCCEEDED)]


def test_a_call_of_a_step_that_had_ended_goes_on() -> None:
    begun = Saying()
    begun.step("model", "node")
    begun.call("c1", "add", "model")
    begun.argue("c1", "{}")
    begun.step_ended("model")
    begun.step("tools", "node")
    begun.update("c1", CALL_RUNNING)
    state = folded(begun.take())
    before = state.SerializeToString(deterministic=True)
    saying = Saying(state)
    assert "c1" in saying.calls
    saying.step("tools", "node")
    saying.update("c1", CALL_RUNNING)
    saying.update("c1", CALL_SUCCEEDED, content_pb2.ToolResultPart(text="1"))
    assert state.SerializeToString(deterministic=True) == before
    state = folded(saying.end(), state)
    (part,) = state.parts
    assert (part.tool_call.status, part.tool_call.arguments_json, part.completed) == (CALL_SUCCEEDED, "{}", True)


def test_a_question_is_asked_once() -> None:
    begun = Saying()
    begun.ask(content_pb2.InputRequest(id="q1"))
    state = folded(begun.take())
    saying = Saying(state)
    saying.ask(content_pb2.InputRequest(id="q1"))
    saying.ask(content_pb2.InputRequest(id="q2"))
    state = folded(saying.end(job_pb2.FINISH_REASON_INPUT_REQUIRED), state)
    assert [request.id for request in state.input_requests] == ["q1", "q2"]


def test_a_source_is_kept_when_the_text_before_it_is_set_back() -> None:
    state = killed()
    saying = Saying(state)
    saying.step("two", "node")
    saying.text("c", "se", "two")
    saying.cite("c", content_pb2.Citation(title="a book"))
    saying.text("c", "ven", "two")
    state = folded(saying.end(), state)
    assert state.parts[1].text.text == "seven"
    assert [citation.title for citation in state.parts[1].text.citations] == ["a book"]


def killed() -> state_pb2.JobState:
    """Return what is stored of a step that ended, and of one that had begun to say `second`."""
    saying = Saying()
    saying.step("one", "node")
    saying.text("a", "first", "one")
    saying.step_ended("one")
    saying.step("two", "node")
    saying.text("b", "secon", "two")
    return folded(saying.take())


def folded(events: Sequence[event_pb2.Event], state: state_pb2.JobState | None = None) -> state_pb2.JobState:
    """Return the state after these events."""
    fold = Fold(state)
    for number, event in enumerate(events, fold.offset + 1):
        event.offset = number
    fold.apply(events)
    return fold.state()


def texts(state: state_pb2.JobState) -> list[str]:
    """Return what the parts of text and of reasoning say."""
    return [part.reasoning.text if part.HasField("reasoning") else part.text.text for part in state.parts]
