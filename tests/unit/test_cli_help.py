"""Help that a newcomer understands: every command has an example, every option a sentence."""

from __future__ import annotations

import pytest
import typer.main
from typer.testing import CliRunner

from streamsvc.cli.main import app

COMMANDS = ("start", "follow", "answer", "publish", "list", "watch", "state", "cancel", "delete", "serve", "health")
OLDER = {
    "start": {"--target", "--producer", "--model", "--extra", "--request-id", "--detach", "--json"},
    "follow": {"--target", "--after", "--epoch", "--snapshot", "--json"},
    "state": {"--target", "--json"},
    "cancel": {"--target", "--reason"},
    "health": {"--target", "--service"},
}


def help_of(*words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--help"], env={"TERM": "dumb", "COLUMNS": "100"})
    assert result.exit_code == 0
    return result.output


def options_of(command: str) -> dict[str, str]:
    group = typer.main.get_command(app)
    found = group.commands[command]  # type: ignore[attr-defined]
    return {name: getattr(param, "help", "") or "" for param in found.params for name in param.opts}


def test_the_first_page_names_every_command_and_how_to_begin() -> None:
    page = help_of()
    assert all(f"│ {command} " in page for command in COMMANDS)
    assert "$ streamsvc serve" in page
    assert "--install-completion" in page


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(command: str) -> None:
    assert f"$ streamsvc {command}" in help_of(command)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_says_what_it_is_for(command: str) -> None:
    silent = [name for name, text in options_of(command).items() if len(text) < 10]
    assert silent == []


@pytest.mark.parametrize("command", OLDER)
def test_no_option_was_lost(command: str) -> None:
    assert OLDER[command] <= set(options_of(command))


def test_paragraphs_are_as_wide_as_the_terminal() -> None:
    page = help_of("follow")
    assert "In a terminal the answer is laid out as it comes. Ctrl-C stops" in " ".join(page.split())
    assert "In a terminal the answer is laid out\n" not in page


def test_the_version_is_told() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.output.strip()[0].isdigit()
