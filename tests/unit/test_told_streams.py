"""Streams of the real services' shapes, each told by a real HTTP server: GetJobState afterwards, compared whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.told_streams import cases, play, read


@pytest.mark.parametrize("path", list(cases()), ids=lambda path: f"{path.parent.name}/{path.stem}")
async def test_a_stream_leads_to_its_state(path: Path) -> None:
    case = read(path)
    assert await play(case, path.parent.name) == case["state"]
