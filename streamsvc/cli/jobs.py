"""`streamsvc list`, `state`, `cancel` and `delete`: jobs, one by one and all."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer
from google.protobuf import json_format

from streamsvc.cli import output
from streamsvc.cli.calls import with_client
from streamsvc.cli.errors import EXIT_CALL_FAILED, sentence
from streamsvc.cli.options import (
    DEFAULT_TARGET,
    AsJson,
    Conversation,
    JobId,
    JobStatusName,
    Plain,
    Target,
    examples,
)
from streamsvc.cli.status import FINAL
from streamsvc.cli.terminal import on_terminal, printable, say
from streamsvc.client import Client, Unreachable
from streamsvc.errors import StreamsvcError
from streamsvc.v1 import job_pb2

LIST_EPILOG = examples(
    "streamsvc list",
    "streamsvc list --status running --status pending",
    "streamsvc list --status failed | cut -f1 | xargs streamsvc delete",
)
STATE_EPILOG = examples("streamsvc state JOB_ID", "streamsvc state JOB_ID --json | jq .usage")
CANCEL_EPILOG = examples('streamsvc cancel JOB_ID --reason "asked the wrong thing"')
DELETE_EPILOG = examples("streamsvc delete JOB_ID", "streamsvc delete JOB_ID JOB_ID")

Statuses = Annotated[
    list[JobStatusName] | None,
    typer.Option(
        "--status",
        metavar="STATUS",
        help="Only jobs that are pending, running, completed, failed or cancelled. Repeatable.",
        show_default=False,
    ),
]
Limit = Annotated[int, typer.Option(metavar="NUMBER", min=1, help="Most jobs to show, the newest first.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, for whoever reads the log.", show_default=False)]
JobIds = Annotated[
    list[str],
    typer.Argument(metavar="JOB_ID...", help="The jobs, as `list` shows them: 32 characters each.", show_default=False),
]


def list_jobs(
    target: Target = DEFAULT_TARGET,
    conversation: Conversation = "",
    status: Statuses = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Show the jobs, the newest first.

    In a terminal as a table; elsewhere a line a job, with tabs: id, status, age in seconds, producer/model, title.
    """

    async def work(client: Client) -> int:
        wanted = [job_pb2.JobStatus.Value(f"JOB_STATUS_{name.upper()}") for name in status or ()]
        jobs: list[job_pb2.Job] = []
        more = False
        async for job in client.jobs(conversation_id=conversation, statuses=wanted):
            if more := len(jobs) == limit:
                break
            jobs.append(job)
        _show(jobs, as_json=as_json)
        if on_terminal() and not as_json:
            if more:
                say(f"there are more: --limit {limit * 10} shows them")
            elif not jobs:
                say("there are no such jobs" if wanted or conversation else "there are no jobs")
        return 0

    with_client(target, work)


def _show(jobs: list[job_pb2.Job], *, as_json: bool) -> None:
    if as_json:
        for job in jobs:
            output.write_json(job)
        return
    # Only here: to import what lays tables out takes time.
    from rich.console import Console

    from streamsvc.cli import listing

    if on_terminal() and jobs:
        listing.table(jobs, time.time(), Console())
    else:
        for job in jobs:
            typer.echo(listing.row(job, time.time()))


def state(job_id: JobId, target: Target = DEFAULT_TARGET, as_json: AsJson = False, plain: Plain = False) -> None:
    """Show what a job has said so far, and leave."""

    async def work(client: Client) -> int:
        found = await client.state(job_id)
        if as_json:
            typer.echo(json_format.MessageToJson(found, indent=None, ensure_ascii=False))
            return 0
        typer.echo(f"{job_pb2.JobStatus.Name(found.job.status)} at offset {found.offset}", err=True)
        if plain or not on_terminal():
            text = output.answer_text(found)
            typer.echo(printable(text) if sys.stdout.isatty() else text)
            return 0
        # Only here: to import what lays text out takes time.
        from streamsvc.cli.live import show_state
        from streamsvc.cli.screen import Screen

        show_state(Screen(sys.stdout), found)
        return 0

    with_client(target, work)


def cancel(job_id: JobId, target: Target = DEFAULT_TARGET, reason: Reason = "") -> None:
    """Ask a job to stop. What it has said is kept."""

    async def work(client: Client) -> int:
        job = await client.cancel(job_id, reason)
        ended = job.status in FINAL
        typer.echo(f"the job had ended already: {job_pb2.JobStatus.Name(job.status)}" if ended else "asked to stop")
        return 0

    with_client(target, work)


def delete(job_ids: JobIds, target: Target = DEFAULT_TARGET) -> None:
    """Delete jobs with all they said, also while they run. There is no way back.

    Exits with 1 if one of them could not be deleted; the others are.
    """

    async def work(client: Client) -> int:
        code = 0
        for job_id in job_ids:
            try:
                await client.delete(job_id)
            except Unreachable:
                raise
            except StreamsvcError as error:
                say(sentence(error, target))
                code = EXIT_CALL_FAILED
            else:
                typer.echo(f"deleted {job_id}")
        return code

    with_client(target, work)
