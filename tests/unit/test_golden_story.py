"""The golden story: a long answer of all kinds of events has one state at its end, wherever it was cut."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from streamsvc import codec
from streamsvc.v1 import event_pb2, state_pb2
from tests.golden import make
from tests.support.events import FINAL, kinds
from tests.support.folding import canonical, folded

STORY: dict[str, Any] = json.loads(gzip.decompress(Path(make.__file__).with_name("story.json.gz").read_bytes()))
EVENTS = [event for frame in STORY["frames"] for event in codec.decode(bytes.fromhex(frame))]


def test_the_file_is_the_story() -> None:
    assert make.story() == STORY


def test_every_kind_of_event_is_in_it_but_one_log_has_one_final_event() -> None:
    payloads = {field.name for field in event_pb2.Event.DESCRIPTOR.oneofs_by_name["payload"].fields}
    assert payloads - {*kinds(EVENTS)} == {*FINAL} - {"job_completed"}
    assert [event.offset for event in EVENTS] == list(range(1, 5001))


def test_it_folds_to_its_states_from_the_bytes_of_each_state_before() -> None:
    state = b""
    for event in EVENTS:
        state = canonical(folded([event], state_pb2.JobState.FromString(state)))
        if (wanted := STORY["states"].get(str(event.offset))) is not None:
            assert state.hex() == wanted
