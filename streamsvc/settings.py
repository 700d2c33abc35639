"""What can be set from outside: names, meanings, bounds and sources of every option of `serve`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from streamsvc.setting_kinds import (
    Address,
    AddressOrNone,
    Duration,
    KeyPrefix,
    RedisUri,
    Size,
    StoreUri,
    parse_duration,
    within,
)
from streamsvc.setting_kinds import show as show
from streamsvc.store.redis import uri

PREFIX = "STREAMSVC_"
FILE = "streamsvc.toml"
BARE = ("use_redis", "use_redis_streams", "redis_uri", "use_redis_cluster")
"""Settings whose variables work without the prefix too: people know them from LibreChat."""

_ms, _s, _d = timedelta(milliseconds=1), timedelta(seconds=1), timedelta(days=1)


class BadSetting(Exception):
    """A setting that cannot be used; the message is one sentence that names it and the way out."""


class Upstream(BaseModel):
    """An upstream that requests name as their producer: a table `[upstreams.NAME]` of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["openai_chat", "openai_responses", "anthropic", "scripted", "worker"]
    base_url: str = ""
    default_model: str = ""
    api_key_env: str = Field(default="", description="the name of a variable, never the key")
    continue_mode: Literal["auto", "final_message", "message", "prefix", "partial", "none"] = Field(
        default="auto", description="how it goes on with an answer whose writer was lost: docs/upstreams.md"
    )


class Settings(BaseSettings):
    """Every option of `serve`: from the command line, else the environment, else the file, else the default."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, toml_file=FILE)

    listen: Address = Field("127.0.0.1:50051", description="where to listen, HOST:PORT")
    internal_listen: AddressOrNone = Field(
        "127.0.0.1:50052",
        description="where to listen for processes that write jobs, HOST:PORT or none; follows the port of listen",
    )
    store: StoreUri = Field("memory", repr=False, description="where logs are kept: memory, or the URI of a Redis")
    log_format: Literal["text", "json"] = Field("text", description="one line an event of the service's own log")
    heartbeat_interval: Annotated[timedelta, BeforeValidator(parse_duration), within(_s, 60 * _s)] = Field(
        15 * _s, description="longest silence of a stream whose reader asks for none"
    )
    lease_ttl: Duration = Field(10 * _s, description="how long a writer may be silent before another takes its job")
    reaper_interval: Duration = Field(2 * _s, description="how often to look for abandoned jobs")
    poll_interval: Duration = Field(_s, description="how often a log is read that nothing was heard of")
    flush_interval: Annotated[timedelta, BeforeValidator(parse_duration), within(0 * _s, 200 * _ms)] = Field(
        10 * _ms, description="how long the deltas of a fast model are merged; 0 keeps each as it is"
    )
    retention: Annotated[timedelta, BeforeValidator(parse_duration), within(0 * _s, 30 * _d)] = Field(
        timedelta(hours=1), description="how long a job is kept after its end"
    )
    claim_grace: Annotated[timedelta, BeforeValidator(parse_duration), within(0 * _s, _d)] = Field(
        60 * _s, description="how long a job of others whose writer is gone, or has yet to come, waits to be claimed"
    )
    cancel_grace: Annotated[timedelta, BeforeValidator(parse_duration), within(0 * _s, _d)] = Field(
        10 * _s, description="how long such a writer may take to answer a cancel"
    )
    safety_time: Duration = Field(_d, description="how long a job is kept that runs but is not written")
    drain_readers_grace: Annotated[timedelta, BeforeValidator(parse_duration), within(0 * _s, _d)] = Field(
        2 * _s, description="within how long readers are sent to other instances after SIGTERM"
    )
    drain_jobs_grace: Annotated[timedelta, BeforeValidator(parse_duration), within(0 * _s, _d)] = Field(
        25 * _s, description="how long running jobs may go on after SIGTERM"
    )
    reader_stall_timeout: Duration = Field(60 * _s, description="when a reader that takes nothing is ended")
    store_outage_limit: Duration = Field(timedelta(minutes=5), description="how long to wait for a store")
    max_request_bytes: Size = Field(1024**2, description="largest StartGeneration request")
    max_event_bytes: Size = Field(1024**2, description="largest event")
    max_answer_bytes: Size = Field(32 * 1024**2, description="largest answer, in bytes of its events")
    max_log_bytes: Size = Field(64 * 1024**2, description="when the oldest events of a log are replaced by a state")
    checkpoint_bytes: Size = Field(
        256 * 1024, description="how much of a log is written until its state is kept beside it, in Redis"
    )
    memory_store_bytes: Size = Field(1024**3, description="when the memory store forgets the jobs that ended first")
    max_attempts: int = Field(3, ge=1, le=100, description="how many lost producers a job may have")
    upstream_connect_timeout: Duration = Field(10 * _s, description="to connect to an upstream")
    upstream_first_event_timeout: Duration = Field(120 * _s, description="until an upstream says something")
    upstream_between_events_timeout: Duration = Field(60 * _s, description="longest silence of an upstream")
    use_redis: bool = Field(
        False, description="keep logs in the Redis of redis_uri, if store is not set; also USE_REDIS"
    )
    use_redis_streams: bool | None = Field(
        None, description="decides in place of use_redis, where it is set; also USE_REDIS_STREAMS"
    )
    redis_uri: RedisUri = Field(
        "", repr=False, description="the URI for use_redis, or several joined by commas: a cluster's; also REDIS_URI"
    )
    use_redis_cluster: bool = Field(
        False, description="redis_uri names seeds of a Redis Cluster; also USE_REDIS_CLUSTER"
    )
    redis_username: str = Field("", description="ACL user for Redis, where the URI has none")
    redis_password: SecretStr = Field(SecretStr(""), description="password for Redis, where the URI has none")
    redis_password_file: str = Field("", description="the file that holds redis_password")
    redis_sentinel_username: str = Field("", description="ACL user for the Sentinels")
    redis_sentinel_password: SecretStr = Field(SecretStr(""), description="password for the Sentinels")
    redis_sentinel_password_file: str = Field("", description="the file that holds redis_sentinel_password")
    redis_ca_file: str = Field("", description="certificates to trust in place of the system's (rediss)")
    redis_cert_file: str = Field("", description="the certificate to show to Redis (rediss)")
    redis_key_file: str = Field("", description="its key")
    redis_key_prefix: KeyPrefix = Field("ss", description="how all keys in Redis begin")
    redis_min_replicas: int = Field(
        0, ge=0, le=16, description="how many replicas must have an append before it counts as stored"
    )
    wait_for_store: bool = Field(
        False, description="wait for a Redis that cannot be used yet, rather than end with the reason"
    )
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
        """Command line, environment, environment without prefix, file."""
        bare = InitSettingsSource(
            settings_cls, {name: value for name in BARE if (value := os.environ.get(name.upper()))}
        )
        return init_settings, env_settings, bare, TomlConfigSettingsSource(settings_cls)


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
    sources = {name: _source(name, given) for name in Settings.model_fields}
    wanted = settings.use_redis if settings.use_redis_streams is None else settings.use_redis_streams
    if wanted and sources["store"] == "default":
        settings = settings.model_copy(update={"store": _store_of(settings)})
        sources["store"] = f"redis_uri, {sources['redis_uri']}"
    if sources["internal_listen"] == "default" and sources["listen"] != "default":
        settings = settings.model_copy(update={"internal_listen": _beside(settings.listen)})
        sources["internal_listen"] = f"listen, {sources['listen']}"
    return settings, sources


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Return the names of variables that look like settings and are none. Not an error: some are injected."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def _beside(listen: str) -> str:
    """Return where to listen inside: at the next port, so that several instances on one machine need no second option.

    Not at the same host: that may be open to others.
    """
    port = int(listen.rpartition(":")[2])
    return f"127.0.0.1:{min(port + 1, 65535) if port else 0}"


def _store_of(settings: Settings) -> str:
    """Return what the four settings that are known from LibreChat say."""
    text = settings.redis_uri
    if not text:
        raise BadSetting("setting redis_uri: use_redis is set, so say where Redis is, as redis://host:6379")
    try:
        return uri.cluster_of(text) if settings.use_redis_cluster or uri.several(text) else text
    except ValueError as error:
        raise BadSetting(f"setting redis_uri: {error}") from None


def _source(name: str, given: Mapping[str, Any]) -> str:
    if name in given:
        return "command line"
    if PREFIX + name.upper() in {key.upper() for key in os.environ}:
        return "environment"
    if name in BARE and os.environ.get(name.upper()):
        return "environment"
    return FILE if name in _file() else "default"


def _file() -> Mapping[str, Any]:
    return TomlConfigSettingsSource(Settings)() if Path(FILE).exists() else {}


def _origin(name: str, given: Mapping[str, Any]) -> str:
    field = name.partition(".")[0]
    return f" (from {_source(field, given)})" if field in Settings.model_fields else ""


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ")
