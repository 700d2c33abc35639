"""What can be set from outside: names, units, bounds and sources of every option of `serve`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

PREFIX = "STREAMSVC_"
FILE = "streamsvc.toml"

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


class BadSetting(Exception):
    """A setting that cannot be used; the message is one sentence that names it and the way out."""


def parse_duration(value: object) -> object:
    """Return the timedelta of `250ms`, `10s`, `5m`, `1h`, `7d` or a plain number of seconds.

    >>> parse_duration("250ms")
    datetime.timedelta(microseconds=250000)
    """
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?", str(value).strip())
    if found is None:
        raise ValueError("write a duration as 250ms, 10s, 5m, 1h or a number of seconds")
    # No setting may be so long; a number that no timedelta can hold is refused by the bounds like any other.
    return timedelta(seconds=min(float(found[1]) * _UNITS[found[2] or "s"], 1e9))


def parse_size(value: object) -> object:
    """Return the bytes of `64KiB`, `1MiB`, `1GiB` or a plain number.

    >>> parse_size("64KiB")
    65536
    """
    found = re.fullmatch(r"(\d{1,18})\s*(KiB|MiB|GiB)?", str(value).strip())
    if found is None:
        raise ValueError("write a size as 64KiB, 1MiB, 1GiB or a number of bytes")
    return int(found[1]) * _SIZES.get(found[2] or "", 1)


def _within(low: timedelta, high: timedelta) -> AfterValidator:
    def check(value: timedelta) -> timedelta:
        if not low <= value <= high:
            raise ValueError(f"must be from {show(low)} to {show(high)}")
        return value

    return AfterValidator(check)


def _address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not (host and colon and port.isdecimal() and int(port) < 65536):
        raise ValueError("write HOST:PORT, such as 127.0.0.1:50051")
    return value


_ms, _s, _d = timedelta(milliseconds=1), timedelta(seconds=1), timedelta(days=1)
Duration = Annotated[timedelta, BeforeValidator(parse_duration), _within(_ms, 30 * _d)]
Size = Annotated[int, BeforeValidator(parse_size), Field(ge=1024)]
Address = Annotated[str, AfterValidator(_address)]


class Upstream(BaseModel):
    """An upstream that requests name as their producer: a table `[upstreams.NAME]` of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["openai_chat", "scripted"]
    base_url: str = ""
    default_model: str = ""
    api_key_env: str = Field(default="", description="the name of a variable, never the key")


class Settings(BaseSettings):
    """Every option of `serve`: from the command line, else the environment, else the file, else the default."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, toml_file=FILE)

    listen: Address = Field("127.0.0.1:50051", description="where to listen, HOST:PORT")
    store: Literal["memory"] = Field("memory", description="where logs are kept")
    log_format: Literal["text", "json"] = Field("text", description="one line an event of the service's own log")
    heartbeat_interval: Annotated[timedelta, BeforeValidator(parse_duration), _within(_s, 60 * _s)] = Field(
        15 * _s, description="longest silence of a stream whose reader asks for none"
    )
    lease_ttl: Duration = Field(10 * _s, description="how long a writer may be silent before another takes its job")
    reaper_interval: Duration = Field(2 * _s, description="how often to look for abandoned jobs")
    poll_interval: Duration = Field(_s, description="how often a log is read that nothing was heard of")
    flush_interval: Annotated[timedelta, BeforeValidator(parse_duration), _within(0 * _s, 200 * _ms)] = Field(
        10 * _ms, description="how long the deltas of a fast model are merged; 0 keeps each as it is"
    )
    retention: Annotated[timedelta, BeforeValidator(parse_duration), _within(0 * _s, 30 * _d)] = Field(
        timedelta(hours=1), description="how long a job is kept after its end"
    )
    safety_time: Duration = Field(_d, description="how long a job is kept that runs but is not written")
    drain_jobs_grace: Annotated[timedelta, BeforeValidator(parse_duration), _within(0 * _s, _d)] = Field(
        25 * _s, description="how long running jobs may go on after SIGTERM"
    )
    reader_stall_timeout: Duration = Field(60 * _s, description="when a reader that takes nothing is ended")
    store_outage_limit: Duration = Field(timedelta(minutes=5), description="how long to wait for a store")
    max_request_bytes: Size = Field(1024**2, description="largest StartGeneration request")
    max_event_bytes: Size = Field(1024**2, description="largest event")
    max_answer_bytes: Size = Field(32 * 1024**2, description="largest answer")
    max_log_bytes: Size = Field(64 * 1024**2, description="when the oldest events of a log are replaced by a state")
    memory_store_bytes: Size = Field(1024**3, description="when the memory store forgets the jobs that ended first")
    max_attempts: int = Field(3, ge=1, le=100, description="how many lost producers a job may have")
    upstream_connect_timeout: Duration = Field(10 * _s, description="to connect to an upstream")
    upstream_first_event_timeout: Duration = Field(120 * _s, description="until an upstream says something")
    upstream_between_events_timeout: Duration = Field(60 * _s, description="longest silence of an upstream")
    upstreams: dict[str, Upstream] = Field(
        {}, description="producers that call a model's API; the first is the default"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, environment, file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(given: Mapping[str, Any]) -> tuple[Settings, Mapping[str, str]]:
    """Return the settings, and the source of each. `given` comes from the command line. Raises BadSetting."""
    try:
        settings = Settings(**given)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(place) for place in first["loc"])
        raise BadSetting(f"setting {name}: {_plain(first['msg'])}{_origin(name, given)}") from None
    except SettingsError as error:
        raise BadSetting(f"the environment cannot be read: {error}") from None
    except Exception as error:
        raise BadSetting(f"{FILE} cannot be read: {error}") from None
    return settings, {name: _source(name, given) for name in Settings.model_fields}


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Return the names of variables that look like settings and are none. Not an error: some are injected."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def show(value: object) -> str:
    """Return a value as it would be written."""
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        largest = [unit for unit in reversed(_UNITS) if seconds >= _UNITS[unit] and not seconds % _UNITS[unit]]
        unit = largest[0] if largest else "ms" if 0 < seconds < 1 else "s"
        return f"{seconds / _UNITS[unit]:g}{unit}"
    if isinstance(value, dict):
        return ", ".join(value) or "none"
    if isinstance(value, int) and value >= 1024:
        unit = next((unit for unit in reversed(_SIZES) if not value % _SIZES[unit]), "")
        return f"{value // _SIZES.get(unit, 1)}{unit}"
    return str(value)


def _source(name: str, given: Mapping[str, Any]) -> str:
    if name in given:
        return "command line"
    if PREFIX + name.upper() in {key.upper() for key in os.environ}:
        return "environment"
    return FILE if name in _file() else "default"


def _file() -> Mapping[str, Any]:
    return TomlConfigSettingsSource(Settings)() if Path(FILE).exists() else {}


def _origin(name: str, given: Mapping[str, Any]) -> str:
    field = name.partition(".")[0]
    return f" (from {_source(field, given)})" if field in Settings.model_fields else ""


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ")
