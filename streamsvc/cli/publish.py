"""`streamsvc publish`: what a program writes becomes the answer of a job."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from typing import Annotated, Any

import typer

from streamsvc.cli.calls import CALL_TIMEOUT, run, targets_of
from streamsvc.cli.errors import EXIT_CALL_FAILED, EXIT_INTERRUPTED, sentence
from streamsvc.cli.interrupts import Interrupts
from streamsvc.cli.options import INTERNAL_TARGET, INTERNAL_VARIABLE, examples
from streamsvc.cli.output import ending_of_job
from streamsvc.cli.start import ConversationId, Labels, labels_of
from streamsvc.cli.stdin import Input, events_of, text_of
from streamsvc.cli.terminal import say
from streamsvc.client import AlreadyEnded, AnswerDiffers, Publisher, Unreachable, publishing
from streamsvc.client.publish_skip import beyond
from streamsvc.errors import StreamsvcError
from streamsvc.v1 import event_pb2, job_pb2

INTERRUPTED = "interrupted at the command line"

EPILOG = examples(
    "some-agent | streamsvc publish --conversation c1",
    "some-agent --json | streamsvc publish --json --model my-agent",
    "streamsvc publish --conversation c1 < answer.txt",
    "some-agent | streamsvc publish --request-id r1    # repeated, it goes on with the same job",
)

Target = Annotated[
    str,
    typer.Option(
        "--target",
        envvar=INTERNAL_VARIABLE,
        metavar="HOST:PORT",
        help="Where the service listens for processes that write jobs. Several instances of it: joined by commas.",
    ),
]
Model = Annotated[
    str, typer.Option("--model", "-m", metavar="NAME", help="Name of the model, for readers.", show_default=False)
]
Producer = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Workers of this name may take the job over if this command is lost.", show_default=False
    ),
]
RequestId = Annotated[
    str,
    typer.Option(
        metavar="ID",
        help="Names the answer: begun again under it, the job goes on behind what is stored of it.",
        show_default=False,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", metavar="", help="Read events as lines of JSON, and not text.", show_default=False),
]


def publish(
    target: Target = INTERNAL_TARGET,
    conversation: ConversationId = "",
    model: Model = "",
    producer: Producer = "",
    label: Labels = None,
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> None:
    """Publish what is piped in as the answer of a job, while it is written.

    The job completes when the input ends. A cancel from elsewhere ends the command, and so the pipe. Ctrl-C cancels the
    job; after SIGTERM, or if this command is killed, it waits for the same command with the same --request-id.

    Exits with 0 if the job completed, 3 if it waits for people, 4 if it failed, 5 if cancelled, 130 after Ctrl-C.
    """

    async def work() -> int:
        code = 0
        async with AsyncExitStack() as stack:
            try:
                pub = await _begun(
                    stack,
                    publishing(
                        *targets_of(target),
                        conversation_id=conversation,
                        model=model,
                        producer=producer,
                        labels=labels_of(label or ()),
                        request_id=request_id,
                    ),
                )
            except AlreadyEnded as ended:
                say(f"job {ended.job.id} has ended already")
                return _code(ended.job)
            typer.echo(f"job {pub.job.id}", err=True)
            code = await _say_all(pub, as_json)
        return code or _code(pub.job)

    run(_told(work(), target))


async def _begun(stack: AsyncExitStack, block: AbstractAsyncContextManager[Publisher]) -> Publisher:
    """Enter the block of a publisher. Later on a service that is out of reach is waited for; now there may be none."""
    try:
        async with asyncio.timeout(CALL_TIMEOUT.total_seconds()):
            return await stack.enter_async_context(block)
    except TimeoutError:
        raise Unreachable("it does not answer") from None


async def _say_all(pub: Publisher, as_json: bool) -> int:
    """Say what is piped in to its end, or to a signal. Returns the exit code that a signal asks for, else 0."""
    source = Input()
    items: AsyncIterator[str | event_pb2.Event] = (events_of if as_json else text_of)(source.chunks())
    with Interrupts() as interrupts:
        interrupted = asyncio.ensure_future(interrupts.next())
        interrupted.add_done_callback(lambda _: source.close())
        try:
            async with aclosing(beyond(items, pub.so_far)) as rest:
                async for item in rest:
                    await pub.say(item)
        finally:
            interrupted.cancel()
    if not interrupted.done() or interrupted.cancelled():
        return 0
    if interrupted.result() == signal.SIGTERM:
        raise asyncio.CancelledError  # the job is given away
    pub.end(event_pb2.Event(job_cancelled=event_pb2.JobCancelled(reason=INTERRUPTED)))
    return EXIT_INTERRUPTED


def _code(job: job_pb2.Job) -> int:
    ending = ending_of_job(job)
    return EXIT_CALL_FAILED if ending is None else ending.value


async def _told(work: Coroutine[Any, Any, int], target: str) -> int:
    """Show why the command cannot go on, if it cannot."""
    try:
        return await work
    except Unreachable as error:
        no_service = f"start one with `streamsvc serve`, or say where it is with --target HOST:PORT [{error.code}]"
        say(f"no service takes jobs of others at {target}: {no_service}")
    except AnswerDiffers:
        say("the input differs from what is stored under this --request-id: choose another one")
    except StreamsvcError as error:
        say(sentence(error, target))
    except asyncio.CancelledError:
        say("stopped: the job waits for the same command with the same --request-id")
    return EXIT_CALL_FAILED
