"""Runs that wait for people, in files of their own."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from streamsvc.adapters.keeping import Folder


async def test_a_run_is_kept_until_it_is_replaced(tmp_path: Path) -> None:
    runs = Folder(tmp_path / "runs")
    assert await runs.load("one") is None
    await runs.save("one", "first ✓")
    await runs.save("one", "second ✓")
    assert await runs.load("one") == "second ✓"
    assert [file.name for file in (tmp_path / "runs").iterdir()] == ["one.json"]


async def test_only_this_user_may_read_it(tmp_path: Path) -> None:
    await Folder(tmp_path / "runs").save("one", "secret")
    assert stat.S_IMODE((tmp_path / "runs").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "runs" / "one.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("job_id", ["", "../one", "a/b", "one.json"])
async def test_what_is_no_id_of_a_job_names_no_file(tmp_path: Path, job_id: str) -> None:
    with pytest.raises(ValueError, match="not the id of a job"):
        await Folder(tmp_path).load(job_id)
