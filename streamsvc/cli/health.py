"""`streamsvc health`: whether the service is ready, for people and for probes."""

from __future__ import annotations

from typing import Annotated, Any

import grpc
import typer
from grpc_health.v1 import health_pb2, health_pb2_grpc

from streamsvc.cli.calls import run, targets_of
from streamsvc.cli.errors import EXIT_CALL_FAILED, sentence
from streamsvc.cli.options import DEFAULT_TARGET, Target, examples
from streamsvc.cli.terminal import say
from streamsvc.client import Unreachable

EPILOG = examples("streamsvc health", "streamsvc health --service store")

ServiceName = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What to ask about: `live` (the process), `store`, or a gRPC service; all that is needed if left out.",
        show_default=False,
    ),
]


def health(target: Target = DEFAULT_TARGET, service: ServiceName = "") -> None:
    """Ask whether the service is ready. Exits with 0 if it is, else with 1."""

    async def work() -> int:
        async with grpc.aio.insecure_channel(targets_of(target)[0]) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            try:
                answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
            except grpc.aio.AioRpcError as failed:
                say(_failed(failed, target, service))
                return EXIT_CALL_FAILED
        typer.echo(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
        return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1

    run(work())


def _failed(failed: grpc.aio.AioRpcError, target: str, service: str) -> str:
    code = failed.code().name
    if code == "NOT_FOUND":
        return f"{code}: the service knows no {service!r}: ask for live, store or streamsvc.v1.JobService"
    unreachable = Unreachable(failed.details() or code)
    unreachable.code = code  # type: ignore[misc]
    return sentence(unreachable, target)
