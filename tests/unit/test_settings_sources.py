"""Where settings come from: the command line, else the environment, else the file, else the default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamsvc.cli.main import app
from streamsvc.cli.serve_command import NO_OPTIONS
from streamsvc.settings import FILE, PREFIX, BadSetting, Settings, load, unknown_variables

SECRET = "sk-this-is-a-secret-key"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith((PREFIX, "OPENAI_", "ANTHROPIC_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def write_file(text: str) -> None:
    Path(FILE).write_text(text)


def refusal(given: Mapping[str, str] | None = None) -> str:
    with pytest.raises(BadSetting) as refused:
        load(given or {})
    message = str(refused.value)
    assert "\n" not in message
    return message


def print_config(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["serve", "--print-config", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_line_wins_over_the_environment_over_the_file_over_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = [load({})]
    write_file('lease_ttl = "3s"\n')
    seen.append(load({}))
    monkeypatch.setenv("STREAMSVC_LEASE_TTL", "2s")
    seen.append(load({}))
    seen.append(load({"lease_ttl": "1s"}))
    assert [settings.lease_ttl.total_seconds() for settings, _ in seen] == [10, 3, 2, 1]
    assert [sources["lease_ttl"] for _, sources in seen] == ["default", FILE, "environment", "command line"]


def test_a_plain_number_in_the_file_is_a_number_of_seconds_or_bytes() -> None:
    write_file("lease_ttl = 3\nmax_log_bytes = 2048\nflush_interval = 0\n")
    settings, _ = load({})
    assert settings.lease_ttl == timedelta(seconds=3)
    assert settings.max_log_bytes == 2048
    assert settings.flush_interval == timedelta()


def test_upstreams_are_read_from_the_file() -> None:
    write_file('[upstreams.local]\nkind = "openai_chat"\nbase_url = "http://127.0.0.1:8099/v1"\ndefault_model = "m"\n')
    settings, sources = load({})
    assert settings.upstreams["local"].base_url == "http://127.0.0.1:8099/v1"
    assert sources["upstreams"] == FILE


def test_an_unknown_key_in_the_file_is_refused_by_name() -> None:
    write_file('lease_tll = "3s"\n')
    assert "lease_tll" in refusal()


def test_an_unknown_key_of_an_upstream_is_refused_without_its_value() -> None:
    write_file(f'[upstreams.local]\nkind = "openai_chat"\napi_key = "{SECRET}"\n')
    message = refusal()
    assert "upstreams.local.api_key" in message
    assert SECRET not in message


def test_a_bad_value_in_the_file_is_refused_with_its_source() -> None:
    write_file('lease_ttl = "soon"\n')
    message = refusal()
    assert "lease_ttl" in message
    assert FILE in message


def test_a_bad_value_in_the_environment_is_refused_with_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMSVC_LEASE_TTL", "soon")
    message = refusal()
    assert "lease_ttl" in message
    assert "environment" in message


def test_a_variable_that_is_not_the_json_it_should_be_is_named_and_not_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STREAMSVC_UPSTREAMS", "{" + SECRET)
    message = refusal()
    assert "upstreams" in message
    assert FILE not in message
    assert SECRET not in message


def test_a_file_that_is_no_toml_is_refused_in_one_sentence() -> None:
    write_file("lease_ttl: 3s\n")
    assert FILE in refusal()


def test_a_file_that_is_no_text_is_refused_in_one_sentence() -> None:
    Path(FILE).write_bytes(b"\xff\xfe")
    assert FILE in refusal()


def test_variables_that_look_like_settings_and_are_none_are_found() -> None:
    environment = {"STREAMSVC_LISTEN": "a:1", "STREAMSVC_LISTENN": "", "STREAMSVC_PORT": "tcp://10.0.0.1", "PATH": "/"}
    assert unknown_variables(environment) == ["STREAMSVC_LISTENN", "STREAMSVC_PORT"]


def test_an_unknown_variable_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMSVC_SERVICE_HOST", "10.0.0.1")
    load({})


def test_every_option_is_printed_with_its_value_source_and_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMSVC_LEASE_TTL", "2s")
    lines = print_config("--max-log-bytes", "2MiB").splitlines()
    assert [line.partition(" = ")[0] for line in lines] == list(Settings.model_fields)
    assert any(line.startswith("lease_ttl = 2s  # environment: ") for line in lines)
    assert any(line.startswith("max_log_bytes = 2MiB  # command line: ") for line in lines)
    assert any(line.startswith("listen = 127.0.0.1:50051  # default: ") for line in lines)


def test_keys_are_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    write_file('[upstreams.local]\nkind = "openai_chat"\napi_key_env = "MY_KEY"\n')
    monkeypatch.setenv("MY_KEY", SECRET)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    assert SECRET not in print_config()


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--lease-ttl", "soon"], 1), (["--lease-tll", "3s"], 2), (["--listen"], 2)]
)
def test_a_bad_setting_ends_with_one_and_an_unknown_option_with_two(arguments: list[str], code: int) -> None:
    result = CliRunner().invoke(app, ["serve", *arguments])
    assert result.exit_code == code
    if code == 1:
        assert result.output.count("\n") == 1
        assert "lease_ttl" in result.output


def test_a_key_that_is_not_set_is_named_by_its_variable() -> None:
    write_file('[upstreams.local]\nkind = "openai_chat"\napi_key_env = "MY_KEY"\n')
    result = CliRunner().invoke(app, ["serve"])
    assert result.exit_code == 1
    assert "MY_KEY" in result.output
    assert result.output.count("\n") == 1


def test_every_setting_is_an_option_of_serve() -> None:
    result = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "300", "TERMINAL_WIDTH": "300"})
    for name in Settings.model_fields:
        if name not in NO_OPTIONS:
            assert f"--{name.replace('_', '-')}" in result.output
