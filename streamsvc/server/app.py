"""One instance of the service: started, run until a signal, and stopped in good order."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from streamsvc.jobs.chance import Chance
from streamsvc.jobs.coordinator import Jobs
from streamsvc.jobs.options import JobOptions
from streamsvc.producers.base import Producer
from streamsvc.server.calls import Calls
from streamsvc.server.health import Health
from streamsvc.server.job_service import NAME as JOB_SERVICE
from streamsvc.server.job_service import JobService
from streamsvc.server.producer_service import NAME as PRODUCER_SERVICE
from streamsvc.server.producer_service import ProducerService
from streamsvc.store.base import Store

log = logging.getLogger(__name__)

NOWHERE = "none"
"""The address of a listener that is not wanted."""

LAST_SECONDS = 2.0
"""How long callers have to take what was written to them."""


class CannotListen(Exception):
    """The address cannot be bound; the message is one sentence for the person who started the service."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where the service listens, and how it stops.

    `listen` is HOST:PORT; port 0 takes a free one. So is `internal_listen`, for processes that write jobs; `none` for
    nowhere.
    """

    listen: str = "127.0.0.1:50051"
    internal_listen: str = "none"
    drain_readers_grace: timedelta = timedelta(seconds=2)
    drain_jobs_grace: timedelta = timedelta(seconds=25)
    reader_stall_timeout: timedelta = timedelta(seconds=60)


class App:
    """A gRPC server over `Jobs`."""

    def __init__(
        self,
        store: Store,
        producers: Mapping[str, Producer],
        jobs: JobOptions,
        options: ServerOptions,
        chance: Chance | None = None,
    ) -> None:
        chance = chance or Chance()
        self.jobs = Jobs(store, producers, jobs, chance)
        self._options = options
        self._outlived = jobs.outlived
        self._health = Health(
            [JOB_SERVICE, PRODUCER_SERVICE],
            lambda: self.jobs.store_answers,
            min(1.0, jobs.reaper_interval.total_seconds()),
        )
        calls = Calls(chance, options.reader_stall_timeout)
        self._departures = calls.departures
        most = 4 * max(jobs.max_request_bytes, jobs.max_event_bytes)
        self._server = self._serving(JOB_SERVICE, JobService(self.jobs).handler(calls), 4 * jobs.max_request_bytes)
        self._internal: grpc.aio.Server | None = None
        if options.internal_listen != NOWHERE:
            self._internal = self._serving(PRODUCER_SERVICE, ProducerService(self.jobs.writers).handler(calls), most)
        self.internal_address = ""
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> str:
        """Listen, and return the address. Raises CannotListen."""
        address = _bind(self._server, self._options.listen, "--listen")
        if self._internal:
            self.internal_address = _bind(self._internal, self._options.internal_listen, "--internal-listen")
            await self._internal.start()
        await self._server.start()
        self._tasks = [asyncio.create_task(self.jobs.run()), asyncio.create_task(self._health.run())]
        return address

    async def stop(self) -> None:
        """Stop in good order: not ready, no new jobs, the running ones until the grace ends, readers sent elsewhere.

        Where nobody else has the jobs, their readers stay until these have ended.
        """
        readers, jobs = self._options.drain_readers_grace, self._options.drain_jobs_grace
        await self._health.drain()
        log.info("stopping: %d jobs are running, they have %s", self.jobs.running, jobs)
        if self._outlived:
            await asyncio.gather(self._departures.run(readers), self.jobs.drain(jobs))
        else:
            await self.jobs.drain(jobs)
            await self._departures.run(readers)
        await self.kill(LAST_SECONDS)

    async def kill(self, grace: float | None = None) -> None:
        """Stop now, readers after `grace` seconds."""
        await asyncio.gather(*[server.stop(grace) for server in (self._server, self._internal) if server])
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _serving(self, name: str, handler: grpc.GenericRpcHandler, max_bytes: int) -> grpc.aio.Server:
        server = grpc.aio.server(options=_channel_arguments(max_bytes))
        server.add_generic_rpc_handlers((handler,))
        health_pb2_grpc.add_HealthServicer_to_server(self._health.servicer, server)
        services = (name, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(services, server)
        return server

    async def run_until_signal(self, ready: Callable[[], None] = lambda: None) -> None:
        """Run until SIGTERM or SIGINT, then stop in good order; a second signal ends at once.

        `ready` is called when signals are heard: whoever is told then may stop the service at once.
        """
        first, second = asyncio.Event(), asyncio.Event()

        def on_signal() -> None:
            (second if first.is_set() else first).set()

        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, on_signal)
        ready()
        await first.wait()
        stopping, hurried = asyncio.create_task(self.stop()), asyncio.create_task(second.wait())
        await asyncio.wait({stopping, hurried}, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not stopping.done():
            stopping.cancel()
            with suppress(asyncio.CancelledError):
                await stopping
            await self.kill()


def _bind(server: grpc.aio.Server, listen: str, option: str) -> str:
    """Have a server listen, and return where. Raises CannotListen where gRPC would only say that it failed."""
    host, _, port = listen.rpartition(":")
    try:
        with socket.create_server((host.strip("[]"), int(port)), family=_family(host)):
            pass
    except OSError as error:
        text = f"cannot listen on {listen}: {error.strerror}"
        raise CannotListen(f"{text}; choose another address with {option} HOST:PORT") from None
    return f"{host}:{server.add_insecure_port(listen)}"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _channel_arguments(max_bytes: int) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", 0),  # else a second server would silently share the port
        # Larger than what is allowed, so that a request that is too large gets our error and not gRPC's.
        ("grpc.max_receive_message_length", max_bytes),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
