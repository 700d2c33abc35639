"""The command line: `streamsvc serve | start | follow | state | cancel | health`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Annotated, Any

import grpc
import typer
from google.protobuf import json_format
from grpc_health.v1 import health_pb2, health_pb2_grpc

from streamsvc.cli import output
from streamsvc.cli.serve import command
from streamsvc.client import Client, ClientOptions, Cursor, JobStream, Unreachable
from streamsvc.errors import StreamsvcError
from streamsvc.v1 import job_pb2, job_service_pb2, state_pb2

app = typer.Typer(
    name="streamsvc", no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, help=__doc__
)
app.command("serve")(command())

Target = Annotated[
    str,
    typer.Option("--target", envvar="STREAMSVC_TARGET", help="Where the service is; several, joined by commas."),
]
JobId = Annotated[str, typer.Argument(help="The job, as `start` printed it.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print lines of JSON.")]
DEFAULT_TARGET = "127.0.0.1:50051"

_CALL_TIMEOUT = timedelta(seconds=5)


@app.command()
def start(
    prompt: Annotated[str, typer.Argument(help="What to ask.", show_default=False)],
    target: Target = DEFAULT_TARGET,
    producer: Annotated[str, typer.Option(help="Which producer; empty for the service's default.")] = "",
    model: Annotated[str, typer.Option(help="Which model; empty for the producer's default.")] = "",
    extra: Annotated[str, typer.Option(help="Further parameters for the producer, a JSON object.")] = "",
    request_id: Annotated[str, typer.Option(help="Repeating a start with the same id finds the same job.")] = "",
    detach: Annotated[bool, typer.Option("--detach", help="Print the job's id and leave.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start a generation and print its answer as it comes. Ctrl-C stops following; the job goes on."""

    async def run(client: Client) -> int:
        parameters = job_service_pb2.GenerationParameters(extra_json=extra)
        job = await client.start(prompt, producer=producer, model=model, parameters=parameters, request_id=request_id)
        if detach:
            typer.echo(job.id)
            return 0
        typer.echo(f"job {job.id}", err=True)
        return await _show(client.stream(job.id), as_json)

    _with_client(target, run)


@app.command()
def follow(
    job_id: JobId,
    target: Target = DEFAULT_TARGET,
    after: Annotated[int, typer.Option(help="Offset of the last event you have; 0 for none.")] = 0,
    epoch: Annotated[str, typer.Option(help="Epoch that was named with that offset.")] = "",
    snapshot: Annotated[bool, typer.Option("--snapshot", help="Begin with the state as it is now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Follow a job to its end, from any offset. A lost connection is taken up again by itself."""

    async def run(client: Client) -> int:
        replay, whole = job_service_pb2.CATCH_UP_MODE_REPLAY, job_service_pb2.CATCH_UP_MODE_SNAPSHOT
        return await _show(client.stream(job_id, Cursor(epoch, after), catch_up=whole if snapshot else replay), as_json)

    _with_client(target, run)


@app.command()
def state(job_id: JobId, target: Target = DEFAULT_TARGET, as_json: AsJson = False) -> None:
    """Print what a job has said so far."""

    async def run(client: Client) -> int:
        found = await client.state(job_id)
        if as_json:
            typer.echo(json_format.MessageToJson(found, indent=None, ensure_ascii=False))
            return 0
        typer.echo(f"{job_pb2.JobStatus.Name(found.job.status)} at offset {found.offset}", err=True)
        typer.echo(output.answer_text(found))
        return 0

    _with_client(target, run)


@app.command()
def cancel(
    job_id: JobId,
    target: Target = DEFAULT_TARGET,
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the log.")] = "",
) -> None:
    """Ask a job to stop. What it has said is kept."""

    async def run(client: Client) -> int:
        job = await client.cancel(job_id, reason)
        ended = job.status in output.EXIT_CODES
        typer.echo(f"the job had ended already: {job_pb2.JobStatus.Name(job.status)}" if ended else "asked to stop")
        return 0

    _with_client(target, run)


@app.command()
def health(
    target: Target = DEFAULT_TARGET,
    service: Annotated[str, typer.Option(help="`live`, `store`, a service's name; empty for ready.")] = "",
) -> None:
    """Ask whether the service is ready. Exits 0 if it is, else 1."""

    async def run() -> int:
        async with grpc.aio.insecure_channel(target.split(",")[0]) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            try:
                answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
            except grpc.aio.AioRpcError as failed:
                typer.echo(f"streamsvc: {failed.code().name}: {failed.details()}", err=True)
                return 1
        typer.echo(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
        return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1

    raise typer.Exit(_run(run()))


async def _show(stream: JobStream, as_json: bool) -> int:
    show: output.Output = output.JsonLines() if as_json else output.Text()
    status = None
    async with stream:
        async for item in stream:
            if isinstance(item, state_pb2.JobState):
                show.snapshot(item)
            else:
                show.event(item)
            status = output.final_status(item) or status
    return output.EXIT_CODES[status] if status is not None else 0


def _with_client(target: str, work: Callable[[Client], Awaitable[int]]) -> None:
    """Run `work`, show its error as one sentence, and exit as it says."""

    async def run() -> int:
        options = ClientOptions(call_timeout=_CALL_TIMEOUT)
        async with Client(*target.split(","), options=options) as client:
            try:
                return await work(client)
            except Unreachable as error:
                hint = "is one running (streamsvc serve), and is --target right?"
                typer.echo(f"streamsvc: no service answers at {target}: {hint} [{error.code}]", err=True)
            except StreamsvcError as error:
                typer.echo(f"streamsvc: {error.reason}: {error.message}", err=True)
            return 1

    raise typer.Exit(_run(run()))


def _run(work: Coroutine[Any, Any, int]) -> int:
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        typer.echo("\nstreamsvc: stopped following; the job goes on", err=True)
        return 130


def main() -> None:
    """Run the command line."""
    app(prog_name="streamsvc")
