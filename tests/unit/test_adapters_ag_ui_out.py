"""A job as an AG-UI run: the golden cases, which TypeScript shares."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from ag_ui.core import Event, RunAgentInput
from google.protobuf.json_format import ParseDict
from hypothesis import given
from pydantic import TypeAdapter

from streamsvc.adapters.ag_ui import to_ag_ui
from streamsvc.v1 import event_pb2, state_pb2
from tests.golden import make_ag_ui
from tests.golden.ag_ui_cases import CASES
from tests.support.strategies import histories

FILES: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(make_ag_ui.HERE.glob("*.json"))
}
Item = event_pb2.Event | state_pb2.JobState


def _items(case: dict[str, Any]) -> list[Item]:
    return [
        ParseDict(item["event"], event_pb2.Event(), ignore_unknown_fields=True)
        if "event" in item
        else ParseDict(item["state"], state_pb2.JobState())
        for item in case["items"]
    ]


async def _each(items: list[Item]) -> AsyncIterator[Item]:
    for item in items:
        yield item


def test_the_files_are_those_of_the_cases() -> None:
    assert {case.name: make_ag_ui.ag_ui_case(case) for case in CASES} == FILES


@pytest.mark.parametrize("name", FILES)
async def test_a_case_is_told_as_its_file_says(name: str) -> None:
    case = FILES[name]
    run = RunAgentInput.model_validate(case["run"]) if case["run"] else None
    events = [event async for event in to_ag_ui(_each(_items(case)), run)]
    assert [event.model_dump(mode="json", by_alias=True) for event in events] == case["ag_ui"]
    for event in case["ag_ui"]:
        TypeAdapter[Any](Event).validate_python(event)


@given(histories(chapters=8, misfits=True))
def test_whatever_a_log_says_what_is_begun_is_ended_once(history: list[event_pb2.Event]) -> None:
    opened: set[tuple[str, str]] = set()
    for event in make_ag_ui.told([*history], None):
        kind, _, what = event["type"].rpartition("_")
        own = (kind, event.get("messageId") or event.get("toolCallId") or event.get("stepName") or "")
        if kind == "RUN" and what != "STARTED":
            assert not opened
        elif what in ("START", "STARTED") and kind != "RUN":
            assert own not in opened
            opened.add(own)
        elif what in ("CONTENT", "ARGS"):
            assert own in opened
        elif what in ("END", "FINISHED"):
            opened.remove(own)
