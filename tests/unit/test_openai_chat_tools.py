"""Fragments of tool calls, however an endpoint marks them: which call each belongs to."""

from __future__ import annotations

from typing import Any

from tests.support.chats import call, chunk, events


def opened(*chunks: dict[str, Any]) -> dict[str, str]:
    """Return the arguments of each call by its id."""
    parts: dict[str, str] = {}
    ids: dict[str, str] = {}
    for line in events(*chunks):
        part, word, *rest = line.split(" ", 2)
        if word == "call":
            ids[part] = rest[0].split()[0]
            parts[ids[part]] = ""
        elif word == "+":
            parts[ids[part]] += rest[0]
    return parts


def test_ollama_whole_calls_without_an_index() -> None:
    assert opened(
        call(id="call_x", name="f", arguments='{"city":"Rome"}'),
        call(id="call_y", name="f", arguments='{"city":"Oslo"}'),
    ) == {"call_x": '{"city":"Rome"}', "call_y": '{"city":"Oslo"}'}


def test_whole_calls_that_all_have_index_0() -> None:
    first, second = call(index=0, id="x", name="f", arguments="{}"), call(index=0, id="y", name="f", arguments="[]")
    assert opened(first, second) == {"x": "{}", "y": "[]"}


def test_whole_calls_without_index_and_id() -> None:
    assert opened(call(name="f", arguments='{"a":1}'), call(name="f", arguments='{"a":2}'), call(name="g")) == {
        "call_0": '{"a":1}',
        "call_1": '{"a":2}',
        "call_2": "",
    }


def test_fragments_without_index_that_repeat_id_and_name() -> None:
    pieces = [call(id="x", name="f", arguments=piece) for piece in ('{"a"', ":", "1}")]
    assert opened(*pieces) == {"x": '{"a":1}'}


def test_fragments_without_index_that_repeat_the_name_only() -> None:
    pieces = [call(name="f", arguments=piece) for piece in ('{"a"', ":", "1}", "")]
    assert opened(*pieces) == {"call_0": '{"a":1}'}


def test_fragments_without_index_that_repeat_nothing() -> None:
    assert opened(call(id="x", name="f"), call(arguments="{"), call(arguments="}")) == {"x": "{}"}


def test_fragments_without_index_of_interleaved_calls() -> None:
    x, y = call(id="x", name="f", arguments="["), call(id="y", name="f", arguments="{")
    assert opened(x, y, call(id="x", arguments="]"), call(id="y", arguments="}")) == {"x": "[]", "y": "{}"}


def test_a_new_id_without_a_name_is_the_same_call() -> None:
    assert opened(call(index=0, id="x", name="f"), call(index=0, id="other", arguments="{}")) == {"x": "{}"}


def test_an_id_that_is_given_twice_is_made_unique() -> None:
    first, second = call(index=0, id="call_1", name="f"), call(index=1, id="call_1", name="f")
    assert list(opened(first, second)) == ["call_1", "call_2"]


def test_arguments_as_an_object_become_text() -> None:
    assert opened(call(index=0, id="x", name="f", arguments={"a": [1]})) == {"x": '{"a": [1]}'}


def test_the_older_function_call_is_a_call() -> None:
    assert opened(chunk(function_call={"name": "f", "arguments": "{"}), chunk(function_call={"arguments": "}"})) == {
        "call_0": "{}"
    }
