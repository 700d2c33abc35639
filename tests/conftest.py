"""What holds for all tests: which of them run one after the other where several run at once."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
ONE_BY_ONE = (HERE / "e2e", HERE / "integration" / "envoy")
"""Their model, Chromium and Envoy are heavy, and started once."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests with heavy parts to one process."""
    for item in items:
        if any(item.path.is_relative_to(place) for place in ONE_BY_ONE):
            item.add_marker(pytest.mark.xdist_group("heavy"))
