"""`streamsvc watch`: a line for each job that starts, changes or ends."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any

import typer
from google.protobuf import json_format

from streamsvc.cli import listing, output
from streamsvc.cli.calls import reach, with_client
from streamsvc.cli.interrupts import Interrupts
from streamsvc.cli.options import DEFAULT_TARGET, AsJson, Conversation, Target, examples, words_of_target
from streamsvc.cli.status import FINAL, name_of
from streamsvc.cli.terminal import say, silent_keys
from streamsvc.client import Client, JobsUpdate, JobWatch
from streamsvc.v1 import job_pb2

EPILOG = examples(
    "streamsvc watch",
    "streamsvc watch --conversation support-17",
    "streamsvc watch --json | jq -r 'select(.change == \"ended\") | .job.id'",
)

Token = Annotated[
    str,
    typer.Option(
        metavar="TOKEN",
        help="Where an earlier watch was left, as it said: tells also what changed since.",
        show_default=False,
    ),
]


def watch(
    target: Target = DEFAULT_TARGET, conversation: Conversation = "", token: Token = "", as_json: AsJson = False
) -> None:
    """Tell of each job that starts, changes or ends, until Ctrl-C.

    First come the jobs that run already, then `caught up`, then what happens. In the lines of JSON `token` is where
    the watch was before the line: going on from there tells it again, so that nothing is missed.
    """

    async def work(client: Client) -> int:
        await reach(client)
        with silent_keys(), Interrupts() as interrupts:
            async with client.watch(conversation_id=conversation, token=token) as updates:
                telling = asyncio.create_task(_tell(updates, News(), as_json=as_json))
                leaving = asyncio.create_task(interrupts.next())
                await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if telling.done():
                    leaving.cancel()
                    telling.result()
                    return 0
                telling.cancel()
                with suppress(asyncio.CancelledError):
                    await telling
                say(f"stopped watching; go on with: {_go_on(updates.token, conversation, target)}")
                return 128 + leaving.result()

    with_client(target, work)


class News:
    """Remembers what was told of each job, and finds what is new: a job may come again unchanged."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[int, str]] = {}
        self._caught_up = False

    def of(self, update: JobsUpdate) -> Iterator[tuple[str, job_pb2.Job | None]]:
        """Yield a word for each change, with the job that it is about."""
        if update.reset:
            self._told.clear()
            self._caught_up = False
            yield "reset", None
        for job in update.jobs:
            if change := self._change(job):
                yield change, job
        for job_id in update.removed:
            self._told.pop(job_id, None)
            yield "removed", job_pb2.Job(id=job_id)
        if update.caught_up:
            self._caught_up = True
            yield "caught up", None

    def _change(self, job: job_pb2.Job) -> str:
        now = (job.status, listing.title(job))
        before = self._told.get(job.id)
        if job.status in FINAL:
            # It is not heard of again, unless it is removed.
            self._told.pop(job.id, None)
            return "ended"
        self._told[job.id] = now
        if before is None:
            return "started" if self._caught_up else "running"
        return "changed" if before != now else ""


async def _tell(updates: JobWatch, news: News, *, as_json: bool) -> None:
    async for update in updates:
        for change, job in news.of(update):
            if as_json:
                output.write_json(_as_json(change, job, updates.token))
            else:
                typer.echo(line(change, job, aligned=sys.stdout.isatty()))


def line(change: str, job: job_pb2.Job | None, *, aligned: bool) -> str:
    """Return a line: the change, the job's id, its status, producer/model, title; aligned, or with tabs."""
    if job is None:
        return change if change == "caught up" else "reset: the token is too old, all begins anew"
    if change == "removed":
        return f"{change:8} {job.id}" if aligned else f"{change}\t{job.id}"
    words = (change, job.id, name_of(job.status), listing.maker(job), listing.title(job))
    if not aligned:
        return "\t".join(words)
    return f"{words[0]:8} {words[1]}  {words[2]:9}  {words[3]}  {words[4]}".rstrip()


def _as_json(change: str, job: job_pb2.Job | None, token: str) -> dict[str, Any]:
    told: dict[str, Any] = {"change": change.replace(" ", "_")}
    if job is not None:
        told["job"] = json_format.MessageToDict(job)
    return {**told, "token": token}


def _go_on(token: str, conversation: str, target: str) -> str:
    words = ["streamsvc", "watch"]
    if conversation:
        words += ["--conversation", conversation]
    if token:
        words += ["--token", token]
    return shlex.join([*words, *words_of_target(target)])
