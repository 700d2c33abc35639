"""Writes tests/golden/ag_ui anew: `python -m tests.golden.make_ag_ui`; read the difference."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ag_ui.core import RunAgentInput
from google.protobuf.json_format import MessageToDict

from streamsvc.adapters.ag_ui.telling import Telling
from streamsvc.v1 import event_pb2, state_pb2
from tests.golden.ag_ui_cases import CASES, Case

HERE = Path(__file__).with_name("ag_ui")


def ag_ui_case(case: Case) -> dict[str, Any]:
    """Return a case as its file has it: what a reader gets, and what an AG-UI client is told."""
    items = placed(case.items)
    return {
        "shows": case.shows,
        "run": case.run,
        "items": [
            {"state" if isinstance(item, state_pb2.JobState) else "event": MessageToDict(item)} for item in items
        ],
        "ag_ui": told(items, case.run),
    }


def told(items: Sequence[event_pb2.Event | state_pb2.JobState], run: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return what AG-UI clients are told of these items, as JSON."""
    sent = RunAgentInput.model_validate(run) if run else None
    telling = Telling(sent.thread_id, sent.run_id, sent.messages) if sent else Telling("", "", None)
    events = [event for item in items for event in telling.of(item)]
    return [event.model_dump(mode="json", by_alias=True) for event in events]


def placed(items: Sequence[event_pb2.Event | state_pb2.JobState]) -> Sequence[event_pb2.Event | state_pb2.JobState]:
    """Give the events the offsets that follow what was before them."""
    offset = 0
    for item in items:
        if isinstance(item, event_pb2.Event):
            item.offset = offset + 1
        offset = item.offset
    return [type(item).FromString(item.SerializeToString()) for item in items]


def main() -> None:
    """Write all files."""
    for old in HERE.glob("*.json"):
        old.unlink()
    for case in CASES:
        written = json.dumps(ag_ui_case(case), indent=1, ensure_ascii=False, sort_keys=True)
        (HERE / f"{case.name}.json").write_text(written + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
