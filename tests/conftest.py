"""What holds for all tests: which of them run one after the other where several run at once."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

HEAVY = ("tests/e2e/", "tests/integration/envoy/")
"""Their model, Chromium and Envoy are heavy, and started once; the pages that they show are built in place."""


def not_of_the_freed(record: logging.LogRecord) -> bool:
    """Leave out what gRPC says of a server that is being freed and was not stopped.

    It says so of the server itself, in `AioServer.__dealloc__`, at level DEBUG: pytest keeps the record, and with it an
    object that is no more, and the process dies of that later, anywhere.
    """
    return not str(record.msg).startswith("__dealloc__")


logging.getLogger("grpc._cython.cygrpc").addFilter(not_of_the_freed)


class HeavyInOne(LoadScopeScheduling):
    """Spreads tests over processes one by one, but gives those with heavy parts to one process, in their order.

    Not by groups: pytest-xdist 3.8 writes them into a field of items that pytest 9.2 has no more, without a word.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "heavy" if nodeid.startswith(HEAVY) else nodeid


@pytest.fixture(scope="session")
def alone() -> Iterator[None]:
    """Be the only process that runs tests with heavy parts in this checkout."""
    lock = Path(__file__).resolve().parents[1] / ".cache" / "heavy.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pytest.fail(f"another process has {lock}: only one at a time can run {' and '.join(HEAVY)} here")
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> HeavyInOne:
    """Return how tests are spread where several run at once."""
    return HeavyInOne(config, log)
