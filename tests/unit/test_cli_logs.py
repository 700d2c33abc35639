"""The service's own log: what is nobody's matter is left out."""

from __future__ import annotations

import logging
import sys

from streamsvc.cli.logs import Heard


class ExecuteBatchError(Exception):
    """As gRPC's own, which cannot be made here."""


def record_of(error: Exception) -> logging.LogRecord:
    try:
        raise error
    except Exception:
        return logging.LogRecord("grpc", logging.ERROR, "", 0, "raised in core", (), sys.exc_info())


def test_a_status_that_nobody_could_be_told_is_no_alarm() -> None:
    assert not Heard().filter(record_of(ExecuteBatchError()))
    assert Heard().filter(record_of(ZeroDivisionError()))
    assert Heard().filter(logging.LogRecord("grpc", logging.ERROR, "", 0, "something else", (), None))
