"""The service's own log: a line an event, as text or as JSON, to standard error. Never what was said."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            **getattr(record, "fields", {"message": record.getMessage()}),
        }
        return json.dumps(line)


class Heard(logging.Filter):
    """Leaves out gRPC's word that the status of a call could not be sent: its caller has left in that moment."""

    def filter(self, record: logging.LogRecord) -> bool:
        """See `logging.Filter`."""
        error = record.exc_info[1] if record.exc_info else None
        return type(error).__name__ != "ExecuteBatchError"


def set_up(log_format: str) -> None:
    """Send the log of this package, and warnings of others, to standard error."""
    handler = logging.StreamHandler()
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(_JsonLines() if log_format == "json" else text)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("grpc._cython.cygrpc").addFilter(Heard())
    logging.getLogger("streamsvc").setLevel(logging.INFO)
