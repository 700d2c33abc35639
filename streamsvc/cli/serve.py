"""`streamsvc serve`: an instance of the service, from its settings."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import typer

from streamsvc import settings as settings_module
from streamsvc.cli import stores
from streamsvc.cli.logs import set_up
from streamsvc.cli.options import INTERNAL_VARIABLE, TARGET_VARIABLE
from streamsvc.jobs.chance import Chance
from streamsvc.jobs.options import JobOptions
from streamsvc.producers import registry
from streamsvc.producers.base import Producer
from streamsvc.producers.registry import Timeouts, UpstreamConfig
from streamsvc.server.app import App, CannotListen, ServerOptions
from streamsvc.settings import BadSetting, Settings
from streamsvc.store.redis import uri
from streamsvc.store.redis.demands import CannotUse
from streamsvc.store.redis.uri import RedisServers

log = logging.getLogger("streamsvc.serve")

KNOWN = (
    ("openai", "openai_chat", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
    ("anthropic", "anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
)
"""Upstreams that need no table in the file: name and kind, and the variables that hold the key and the address."""


def serve(print_config: bool, **given: str | None) -> None:
    """Run the service until it is stopped with Ctrl-C or SIGTERM."""
    try:
        settings, sources = settings_module.load({key: value for key, value in given.items() if value is not None})
        producers = _producers(settings)
        servers = stores.servers_of(settings)
    except (BadSetting, ValueError) as bad:
        typer.echo(f"streamsvc: {bad}", err=True)
        raise typer.Exit(1) from None
    if print_config:
        _print(settings, sources)
        return
    set_up(settings.log_format)
    for name in settings_module.unknown_variables(os.environ):
        if name in (TARGET_VARIABLE, INTERNAL_VARIABLE):  # where the other commands find the service
            continue
        log.warning("the environment variable %s is no setting of this service", name)
    try:
        _runner().run(_run(settings, producers, servers))
    except (CannotListen, CannotUse) as cannot:
        typer.echo(f"streamsvc: {cannot}", err=True)
        raise typer.Exit(1) from None


async def _run(settings: Settings, producers: Mapping[str, Producer], servers: RedisServers | None) -> None:
    chance = Chance()
    if servers is None or await stores.usable(servers, settings, chance):
        async with stores.opened(settings, servers, chance) as store:
            app = App(store, producers, job_options(settings), server_options(settings), chance)
            address = await app.start()
            names = ", ".join(producers)
            where = uri.show(servers) if servers else "memory"
            text = "listening on %s (for processes that write jobs: %s; store: %s; producers: %s)"
            await app.run_until_signal(
                partial(log.info, text, address, app.internal_address or "nowhere", where, names)
            )
    await registry.close(producers)
    log.info("stopped")


def job_options(settings: Settings) -> JobOptions:
    """Return what the settings say of jobs."""
    names = set(inspect.signature(JobOptions).parameters) & set(Settings.model_fields)
    options = JobOptions(**{name: getattr(settings, name) for name in names})
    # In memory nobody else reads, so nobody needs a state in the store, and nobody goes on after a stop.
    return replace(options, checkpoint_bytes=0) if settings.store == "memory" else replace(options, outlived=True)


def server_options(settings: Settings) -> ServerOptions:
    """Return what the settings say of the server."""
    names = inspect.signature(ServerOptions).parameters
    return ServerOptions(**{name: getattr(settings, name) for name in names})


def _producers(settings: Settings) -> Mapping[str, Producer]:
    upstreams = {
        name: UpstreamConfig(
            upstream.kind,
            upstream.base_url,
            upstream.default_model,
            _key(name, upstream.api_key_env),
            upstream.continue_mode,
        )
        for name, upstream in settings.upstreams.items()
    }
    for name, kind, *variables in KNOWN:
        key, url = (os.environ.get(variable, "") for variable in variables)
        if name not in upstreams and (key or url):
            upstreams[name] = UpstreamConfig(kind, url, api_key=key)
    timeouts = Timeouts(
        connect=settings.upstream_connect_timeout,
        first_event=settings.upstream_first_event_timeout,
        between_events=settings.upstream_between_events_timeout,
    )
    return registry.build(upstreams, timeouts)


def _key(name: str, variable: str) -> str:
    if variable and variable not in os.environ:
        raise BadSetting(f"upstream {name}: the environment variable {variable} that should hold its key is not set")
    return os.environ.get(variable, "") if variable else ""


def _print(settings: Settings, sources: Mapping[str, str]) -> None:
    for name, field in Settings.model_fields.items():
        value = settings_module.show(getattr(settings, name))
        typer.echo(f"{name} = {value}  # {sources[name]}: {field.description}")


def _runner() -> asyncio.Runner:
    try:
        import uvloop
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)
