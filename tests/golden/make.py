"""Writes the golden files anew: `python -m tests.golden.make`. What changes in them changes for every client."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from streamsvc.fold import Fold
from streamsvc.v1 import event_pb2, job_service_pb2, state_pb2
from tests.golden.fold_cases import CASES, Case
from tests.golden.fold_story import EVENTS, RESTARTS_AFTER, told
from tests.golden.wire_cases import WIRE

HERE = Path(__file__).parent


def wire() -> Sequence[dict[str, Any]]:
    """Return the frozen messages, as tests/golden/wire.json holds them."""
    return [
        {
            "name": name,
            "shows": shows,
            "hex": response.SerializeToString(deterministic=True).hex(),
            "json": _readable(response),
        }
        for name, shows, response in WIRE
    ]


def fold_case(case: Case) -> dict[str, Any]:
    """Return one case of the fold, as its file under tests/golden/fold holds it."""
    begin = state_pb2.JobState()
    before = list(_numbered(case.before, 0))
    if before:
        begin = _folded(before, None)
    events = list(_numbered(case.events, len(before)))
    state = _folded(events, begin if before else None)
    return {
        "rule": case.rule,
        "begin": begin.SerializeToString(deterministic=True).hex(),
        "frames": [_frame(event).hex() for event in events],
        "state": state.SerializeToString(deterministic=True).hex(),
        "begin_json": _readable(begin),
        "events_json": [_readable(event) for event in events],
        "state_json": _readable(state),
    }


def story() -> dict[str, Any]:
    """Return the long answer of all kinds, as tests/golden/story.json.gz holds it."""
    events = _numbered(told(), 0)
    states = {offset: _folded(events[:offset], None) for offset in (RESTARTS_AFTER, EVENTS)}
    return {
        "frames": [_frame(event).hex() for event in events],
        "states": {str(offset): state.SerializeToString(deterministic=True).hex() for offset, state in states.items()},
    }


def _numbered(events: Sequence[event_pb2.Event], after: int) -> Sequence[event_pb2.Event]:
    numbered = []
    for offset, event in enumerate(events, after + 1):
        copied = event_pb2.Event()
        copied.CopyFrom(event)
        copied.offset = offset
        numbered.append(copied)
    return numbered


def _frame(event: event_pb2.Event) -> bytes:
    # The service need not sort the entries of maps; a file that is made twice should be the same.
    return job_service_pb2.StreamJobResponse(events=[event]).SerializeToString(deterministic=True)


def _readable(message: Message) -> Any:
    return json.loads(json.dumps(MessageToDict(message), sort_keys=True))


def _folded(events: Sequence[event_pb2.Event], begin: state_pb2.JobState | None) -> state_pb2.JobState:
    fold = Fold(begin)
    fold.apply(events)
    return fold.state()


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Write all files."""
    _write(HERE / "wire.json", wire())
    for old in (HERE / "fold").glob("*.json"):
        old.unlink()
    for case in CASES:
        _write(HERE / "fold" / f"{case.name}.json", fold_case(case))
    # Without the time at which it was made.
    (HERE / "story.json.gz").write_bytes(gzip.compress(json.dumps(story()).encode(), mtime=0))


if __name__ == "__main__":
    main()
