"""Which Redis the settings name: one word, or the names known from LibreChat; and that no password is shown."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamsvc.cli.main import app
from streamsvc.cli.stores import servers_of
from streamsvc.settings import BARE, FILE, PREFIX, BadSetting, load, unknown_variables

SECRET = "hunter2"
SetVariables = Callable[[Mapping[str, str]], None]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith(PREFIX) or name.lower() in BARE:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def set_variables(monkeypatch: pytest.MonkeyPatch) -> SetVariables:
    def set_all(variables: Mapping[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_all


def refusal(given: Mapping[str, str] | None = None) -> str:
    """Return why the settings are refused: one sentence without secrets."""
    with pytest.raises(BadSetting) as refused:
        servers_of(load(given or {})[0])
    message = str(refused.value)
    assert "\n" not in message
    assert SECRET not in message
    return message


URI = {"REDIS_URI": "redis://h:1"}
ON = {"USE_REDIS": "true"}
NAMES: list[tuple[dict[str, str], str]] = [
    ({}, "memory"),
    (URI, "memory"),
    (URI | ON, "redis://h:1"),
    (URI | {"USE_REDIS": "false"}, "memory"),
    (URI | ON | {"USE_REDIS_STREAMS": "false"}, "memory"),
    (URI | {"USE_REDIS_STREAMS": "true"}, "redis://h:1"),
    (URI | {"USE_REDIS": "false", "USE_REDIS_STREAMS": "true"}, "redis://h:1"),
    (URI | ON | {"USE_REDIS_STREAMS": ""}, "redis://h:1"),
    (URI | ON | {"USE_REDIS_CLUSTER": "true"}, "redis+cluster://h:1"),
    (ON | {"REDIS_URI": "redis://a:1,redis://b:2"}, "redis+cluster://a:1,b:2"),
    (ON | {"REDIS_URI": "redis+sentinel://a,b/main"}, "redis+sentinel://a,b/main"),
    (URI | ON | {"STREAMSVC_USE_REDIS": "false"}, "memory"),
    (URI | ON | {"STREAMSVC_REDIS_URI": "redis://h:2"}, "redis://h:2"),
    (URI | ON | {"STREAMSVC_STORE": "memory"}, "memory"),
    (URI | ON | {"STREAMSVC_STORE": "redis://h:3"}, "redis://h:3"),
]


@pytest.mark.parametrize(("variables", "store"), NAMES)
def test_four_names_work_without_prefix_and_store_wins_over_them(
    variables: dict[str, str], store: str, set_variables: SetVariables
) -> None:
    set_variables(variables)
    assert load({})[0].store == store
    assert unknown_variables(os.environ) == []


def test_the_four_names_are_settings_of_the_file_and_the_command_line_too(set_variables: SetVariables) -> None:
    Path(FILE).write_text('use_redis = true\nredis_uri = "redis://h:1"\n')
    assert load({})[0].store == "redis://h:1"
    set_variables({"REDIS_URI": "redis://h:2"})
    settings, sources = load({})
    assert (settings.store, sources["redis_uri"]) == ("redis://h:2", "environment")
    settings, sources = load({"redis_uri": "redis://h:3"})
    assert (settings.store, sources["redis_uri"]) == ("redis://h:3", "command line")
    assert load({"use_redis": False})[0].store == "memory"


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        (ON, "redis_uri"),
        ({"USE_REDIS": "perhaps"}, "use_redis"),
        ({"REDIS_URI": f"http://:{SECRET}@h"}, "redis_uri"),
        (ON | {"REDIS_URI": f"redis+sentinel://:{SECRET}@h/main", "USE_REDIS_CLUSTER": "true"}, "redis_uri"),
        ({"STREAMSVC_STORE": f"https://:{SECRET}@h"}, "store"),
        ({"STREAMSVC_STORE": "redis://h", "STREAMSVC_REDIS_CA_FILE": "/ca.pem"}, "redis_ca_file"),
        ({"STREAMSVC_STORE": "rediss://h", "STREAMSVC_REDIS_KEY_FILE": "/no/such/file"}, "redis_key_file"),
        ({"STREAMSVC_STORE": "redis://h", "STREAMSVC_REDIS_PASSWORD_FILE": "/no/such/file"}, "redis_password_file"),
        ({"STREAMSVC_REDIS_KEY_PREFIX": "a b"}, "redis_key_prefix"),
        ({"STREAMSVC_REDIS_KEY_PREFIX": "{a}"}, "redis_key_prefix"),
        ({"STREAMSVC_REDIS_KEY_PREFIX": ""}, "redis_key_prefix"),
        ({"STREAMSVC_REDIS_MIN_REPLICAS": "-1"}, "redis_min_replicas"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name_and_without_passwords(
    variables: dict[str, str], named: str, set_variables: SetVariables
) -> None:
    set_variables(variables)
    assert named in refusal()


def test_a_password_comes_from_the_uri_or_a_setting_or_a_file(set_variables: SetVariables, tmp_path: Path) -> None:
    set_variables({"STREAMSVC_STORE": "redis://ada:first@h"})
    set_variables({"STREAMSVC_REDIS_USERNAME": "bob", "STREAMSVC_REDIS_PASSWORD": "second"})
    servers = servers_of(load({})[0])
    assert servers is not None
    assert (servers.username, servers.password) == ("ada", "first")
    servers = servers_of(load({"store": "redis://h"})[0])
    assert servers is not None
    assert (servers.username, servers.password) == ("bob", "second")
    (tmp_path / "password").write_text("third\n")
    set_variables({"STREAMSVC_REDIS_PASSWORD": "", "STREAMSVC_REDIS_SENTINEL_PASSWORD_FILE": "password"})
    servers = servers_of(load({"store": "redis+sentinel://h/main", "redis_password_file": "password"})[0])
    assert servers is not None
    assert (servers.password, servers.sentinel_password) == ("third", "third")


def test_a_password_and_a_file_for_it_are_one_too_many(set_variables: SetVariables) -> None:
    set_variables({"STREAMSVC_REDIS_PASSWORD": SECRET})
    assert "redis_password" in refusal({"store": "redis://h", "redis_password_file": "/dev/null"})


def test_the_files_of_tls_reach_the_connections(tmp_path: Path) -> None:
    files = {name: str(tmp_path / name) for name in ("redis_ca_file", "redis_cert_file", "redis_key_file")}
    for path in files.values():
        Path(path).touch()
    servers = servers_of(load({"store": "rediss://h", **files})[0])
    assert servers is not None
    assert (servers.ca_file, servers.cert_file, servers.key_file) == tuple(files.values())


@pytest.mark.parametrize(
    "variables",
    [
        {"STREAMSVC_STORE": f"redis://ada:{SECRET}@h:1"},
        {"USE_REDIS": "true", "REDIS_URI": f"redis://:{SECRET}@a:1,redis://:{SECRET}@b:2"},
        {"REDIS_URI": f"redis://:{SECRET}@a:1"},
        {"STREAMSVC_REDIS_PASSWORD": SECRET, "STREAMSVC_REDIS_SENTINEL_PASSWORD": SECRET},
    ],
)
def test_no_password_is_printed(variables: dict[str, str], set_variables: SetVariables) -> None:
    set_variables(variables)
    result = CliRunner().invoke(app, ["serve", "--print-config"])
    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    assert "***" in result.output
    assert SECRET not in repr(load({}))


def test_where_the_store_comes_from_is_printed(set_variables: SetVariables) -> None:
    set_variables({"USE_REDIS": "true", "REDIS_URI": "redis://:x@a:1,redis://:x@b:2"})
    lines = CliRunner().invoke(app, ["serve", "--print-config", "--wait-for-store"]).output.splitlines()
    assert any(line.startswith("store = redis+cluster://***@a:1,b:2  # redis_uri, environment: ") for line in lines)
    assert any(line.startswith("use_redis = true  # environment: ") for line in lines)
    assert any(line.startswith("wait_for_store = true  # command line: ") for line in lines)
    assert any(line.startswith("use_redis_streams = none  # default: ") for line in lines)
