"""The golden files: bytes that are on the wire for good, and cases that every fold must pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from streamsvc import codec
from streamsvc.fold import Fold
from streamsvc.v1 import event_pb2, job_service_pb2, state_pb2
from tests.golden import make
from tests.golden.fold_cases import CASES
from tests.support.folding import canonical, folded
from tests.support.strategies import without_offsets

GOLDEN = Path(make.__file__).parent
WIRE: dict[str, dict[str, Any]] = {
    message["name"]: message for message in json.loads((GOLDEN / "wire.json").read_text(encoding="utf-8"))
}
FOLD: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((GOLDEN / "fold").glob("*.json"))
}
Response = job_service_pb2.StreamJobResponse


def test_the_files_are_those_of_the_cases() -> None:
    assert list(WIRE.values()) == make.wire()
    assert {case.name: make.fold_case(case) for case in CASES} == FOLD


@pytest.mark.parametrize("name", WIRE)
def test_a_message_is_written_as_it_always_was(name: str) -> None:
    frozen = bytes.fromhex(WIRE[name]["hex"])
    response = Response.FromString(frozen)
    assert response.SerializeToString(deterministic=True) == frozen
    assert MessageToDict(response) == WIRE[name]["json"]
    assert _written(response) == frozen


def _written(response: Response) -> bytes:
    """Return the response as the service writes it: frames joined with a head, or a slice of a snapshot."""
    if response.HasField("snapshot"):
        assert response.snapshot_continues == (not response.epoch)
        return codec.snapshot(response.snapshot, epoch=response.epoch)
    after = response.events[0].offset - 1 if response.events else 0
    frames = codec.encode(without_offsets(response.events), after)
    return frames + codec.head(epoch=response.epoch, last_offset=response.last_offset, closed=response.closed)


@pytest.mark.parametrize("name", [name for name in WIRE if "later_version" not in name])
def test_a_message_is_written_from_its_json_too(name: str) -> None:
    response = ParseDict(WIRE[name]["json"], Response())
    assert response.SerializeToString(deterministic=True).hex() == WIRE[name]["hex"]


def _state(data: str) -> state_pb2.JobState:
    return state_pb2.JobState.FromString(bytes.fromhex(data))


def _events(case: dict[str, Any]) -> list[event_pb2.Event]:
    return [event for frame in case["frames"] for event in codec.decode(bytes.fromhex(frame))]


@pytest.mark.parametrize("name", FOLD)
def test_a_case_folds_to_its_state(name: str) -> None:
    case = FOLD[name]
    state = folded(_events(case), _state(case["begin"]))
    assert canonical(state).hex() == case["state"]
    assert MessageToDict(state) == case["state_json"]
    assert MessageToDict(_state(case["begin"])) == case["begin_json"]
    assert [MessageToDict(event) for event in _events(case)] == case["events_json"]


@pytest.mark.parametrize("name", FOLD)
def test_a_case_may_be_cut_anywhere(name: str) -> None:
    case = FOLD[name]
    events = _events(case)
    for place in range(len(events) + 1):
        before = canonical(folded(events[:place], _state(case["begin"])))
        assert canonical(folded(events[place:], _state(before.hex()))).hex() == case["state"]


def test_every_kind_of_event_is_in_a_case() -> None:
    kinds = {field.name for field in event_pb2.Event.DESCRIPTOR.oneofs_by_name["payload"].fields}
    shown = {event.WhichOneof("payload") for case in FOLD.values() for event in _events(case)}
    assert shown == {*kinds, None}


def test_a_fold_that_has_nothing_yet_has_an_empty_state() -> None:
    assert Fold().state() == state_pb2.JobState()
