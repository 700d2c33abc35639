"""What holds for all tests: which of them run one after the other where several run at once."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ONE_BY_ONE = (HERE / "e2e", HERE / "integration" / "envoy")
"""Their model, Chromium and Envoy are heavy, and started once."""


def not_of_the_freed(record: logging.LogRecord) -> bool:
    """Leave out what gRPC says of a server that is being freed and was not stopped.

    It says so of the server itself, in `AioServer.__dealloc__`, at level DEBUG: pytest keeps the record, and with it an
    object that is no more, and the process dies of that later, anywhere.
    """
    return not str(record.msg).startswith("__dealloc__")


logging.getLogger("grpc._cython.cygrpc").addFilter(not_of_the_freed)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests with heavy parts to one process."""
    for item in items:
        if any(item.path.is_relative_to(place) for place in ONE_BY_ONE):
            item.add_marker(pytest.mark.xdist_group("heavy"))
