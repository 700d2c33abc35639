"""Options that several commands have, and how their examples are shown."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

DEFAULT_TARGET = "127.0.0.1:50051"
TARGET_VARIABLE = "STREAMSVC_TARGET"
INTERNAL_TARGET = "127.0.0.1:50052"
INTERNAL_VARIABLE = "STREAMSVC_INTERNAL_TARGET"

Target = Annotated[
    str,
    typer.Option(
        "--target",
        envvar=TARGET_VARIABLE,
        metavar="HOST:PORT",
        help="Where the service is. Several instances of it: joined by commas.",
    ),
]
JobId = Annotated[
    str,
    typer.Argument(
        metavar="JOB_ID", help="The job, as `start` printed it and `list` shows it: 32 characters.", show_default=False
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", metavar="", help="Print lines of JSON, for programs.", show_default=False)
]
Plain = Annotated[
    bool,
    typer.Option(
        "--plain", metavar="", help="Print the text only, also in a terminal: no live view.", show_default=False
    ),
]
Conversation = Annotated[
    str,
    typer.Option("--conversation", metavar="ID", help="Only the jobs of this conversation.", show_default=False),
]


class JobStatusName(StrEnum):
    """Where a job stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Concurrency(StrEnum):
    """What to do if the conversation has a running job."""

    ALLOW = "allow"
    REJECT = "reject"
    REPLACE = "replace"


def words_of_target(target: str) -> list[str]:
    """Return the words that a command needs to reach `target`: none if it is where commands look anyway."""
    return [] if target == (os.environ.get(TARGET_VARIABLE) or DEFAULT_TARGET) else ["--target", target]


def examples(*lines: str) -> str:
    """Return the end of a command's help: lines that can be copied."""
    return "\n".join(["Examples:", *(f"$ {line}" for line in lines)])
