"""`streamsvc follow`, and following to the end or to Ctrl-C."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from contextlib import suppress
from typing import Annotated

import typer

from streamsvc.cli import output
from streamsvc.cli.calls import reach, with_client
from streamsvc.cli.errors import EXIT_CALL_FAILED, sentence
from streamsvc.cli.interrupts import Interrupts
from streamsvc.cli.options import DEFAULT_TARGET, AsJson, JobId, Plain, Target, examples, words_of_target
from streamsvc.cli.status import FINAL, name_of
from streamsvc.cli.terminal import on_terminal, say, silent_keys
from streamsvc.client import Client, Cursor, GaveUp, JobStream
from streamsvc.errors import StreamsvcError
from streamsvc.v1 import job_service_pb2

AGAIN_SECONDS = 2.0
"""How long a second Ctrl-C cancels the job."""
REASON = "cancelled from the command line"

EPILOG = examples(
    "streamsvc follow JOB_ID",
    "streamsvc follow JOB_ID --plain > answer.txt",
    "streamsvc follow JOB_ID --after 12 --epoch EPOCH --json",
)

After = Annotated[
    int,
    typer.Option(
        metavar="OFFSET",
        min=0,
        help="Go on after this event, the last one you have; 0 for none. The live view shows what came before, too.",
    ),
]
Epoch = Annotated[
    str, typer.Option(metavar="EPOCH", help="The epoch that was named with that offset.", show_default=False)
]
Snapshot = Annotated[
    bool,
    typer.Option(
        "--snapshot",
        metavar="",
        help="Begin with all that was said so far at once, instead of event by event.",
        show_default=False,
    ),
]


def follow(
    job_id: JobId,
    target: Target = DEFAULT_TARGET,
    after: After = 0,
    epoch: Epoch = "",
    snapshot: Snapshot = False,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Follow a job to its end: what it has said so far, then what it says.

    A lost connection is taken up again by itself, nothing is missed or repeated. In a terminal the answer is laid out
    as it comes. Ctrl-C stops following, the job goes on; a second Ctrl-C cancels it.

    Exits with 0 if the job completed, 3 if it waits for people (`streamsvc answer`), 4 if it failed, 5 if it was
    cancelled, 130 after Ctrl-C.
    """

    async def work(client: Client) -> int:
        await reach(client)
        cursor = Cursor(epoch, after)
        return await watch_job(client, job_id, target, cursor, snapshot=snapshot, as_json=as_json, plain=plain)

    with_client(target, work)


async def watch_job(
    client: Client,
    job_id: str,
    target: str,
    cursor: Cursor,
    *,
    snapshot: bool = False,
    as_json: bool = False,
    plain: bool = False,
    with_question: bool = True,
) -> int:
    """Follow a job in the way that suits where the output goes. Returns the exit code."""
    if as_json or plain or not on_terminal():
        replay, whole = job_service_pb2.CATCH_UP_MODE_REPLAY, job_service_pb2.CATCH_UP_MODE_SNAPSHOT
        stream = client.stream(job_id, cursor, catch_up=whole if snapshot else replay)
        return await _attend(client, stream, target, output.Lines(output.JsonLines() if as_json else output.Text()))
    # Only here: to import what lays text out takes time, and most calls come from programs.
    from streamsvc.cli.live import LiveView
    from streamsvc.cli.screen import Screen

    # The view needs all that was said, whatever the caller has: one state is the quickest way to it.
    stream = client.stream(job_id, catch_up=job_service_pb2.CATCH_UP_MODE_SNAPSHOT, fold=True)
    return await _attend(client, stream, target, LiveView(Screen(sys.stdout), with_question=with_question))


async def _attend(client: Client, stream: JobStream, target: str, view: output.View) -> int:
    """Show the stream until it ends or the user leaves."""
    with silent_keys(), Interrupts() as interrupts:
        async with stream:
            showing = asyncio.create_task(view.show(stream))
            leaving = asyncio.create_task(interrupts.next())
            await asyncio.wait({showing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if showing.done():
                leaving.cancel()
                return await _ended(client, showing, stream, target)
            showing.cancel()
            with suppress(asyncio.CancelledError):
                await showing
        return await _leave(client, stream, target, interrupts, leaving.result())


async def _ended(client: Client, showing: asyncio.Task[output.Ending | None], stream: JobStream, target: str) -> int:
    try:
        ending = showing.result() or await _ending(client, stream.job_id)
    except GaveUp as gave_up:
        say(f"{sentence(gave_up, target)}; go on later with: {go_on(stream, target)}")
        return EXIT_CALL_FAILED
    if ending is output.Ending.WAITS:
        command = shlex.join(["streamsvc", "answer", stream.job_id, *words_of_target(target)])
        say(f"the job waits for people; answer with: {command}")
    return ending.value if ending is not None else 0


async def _ending(client: Client, job_id: str) -> output.Ending | None:
    """Return how a job ended, for one who had its final event before."""
    async with client.stream(job_id, catch_up=job_service_pb2.CATCH_UP_MODE_SNAPSHOT) as stream:
        async for item in stream:
            if (ending := output.ending_of(item)) is not None:
                return ending
    return None


async def _leave(client: Client, stream: JobStream, target: str, interrupts: Interrupts, heard: signal.Signals) -> int:
    code, command = 128 + heard, go_on(stream, target)
    if heard != signal.SIGINT or not sys.stderr.isatty():
        say(f"stopped following; the job goes on, and so can you: {command}")
        return code
    say(f"stopped following; press Ctrl-C again within {AGAIN_SECONDS:g} s to cancel the job")
    if await interrupts.within(AGAIN_SECONDS):
        await _cancel(client, stream.job_id, target, interrupts)
    else:
        say("the job goes on, and so can you:")
        typer.echo(f"  {command}", err=True)
    return code


async def _cancel(client: Client, job_id: str, target: str, interrupts: Interrupts) -> None:
    cancelling = asyncio.create_task(client.cancel(job_id, REASON))
    hurrying = asyncio.create_task(interrupts.next())
    await asyncio.wait({cancelling, hurrying}, return_when=asyncio.FIRST_COMPLETED)
    hurrying.cancel()
    if not cancelling.done():
        cancelling.cancel()
        say("left before the service had answered: the job may go on")
        return
    try:
        job = cancelling.result()
    except StreamsvcError as error:
        say(f"the job was not cancelled: {sentence(error, target)}")
        return
    kept = f"`streamsvc state {job_id}` shows what it said"
    ended = job.status in FINAL
    say(f"the job had ended already ({name_of(job.status)}); {kept}" if ended else f"cancelled the job; {kept}")


def go_on(stream: JobStream, target: str) -> str:
    """Return the command that goes on where `stream` is."""
    words = ["streamsvc", "follow", stream.job_id]
    if stream.cursor.offset:
        words += ["--after", str(stream.cursor.offset), "--epoch", stream.cursor.epoch]
    return shlex.join([*words, *words_of_target(target)])
