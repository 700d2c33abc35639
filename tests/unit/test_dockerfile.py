"""The Dockerfile, held to the code: what it copies is there, what it runs exists, and it does not run as root."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import typer

from streamsvc.cli.main import app
from streamsvc.cli.options import DEFAULT_TARGET
from streamsvc.settings import PREFIX, load
from tests.support.dockerfile import Dockerfile

ROOT = Path(__file__).resolve().parents[2]
FILE = Dockerfile(ROOT)
SERVICE, PAGE = Dockerfile(ROOT, "service"), Dockerfile(ROOT, "page")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
KNOWN = {"FROM", "ENV", "RUN", "WORKDIR", "COPY", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
COPIED = [
    source for rest in FILE.all("COPY") if not rest.startswith("--from") for source in rest.split()[:-1]
]  # the last word is where to


def test_every_instruction_is_one() -> None:
    assert {name for name, _ in FILE.instructions} <= KNOWN
    assert FILE.instructions[0][0] == "FROM"
    assert "\\" not in "".join(rest for _, rest in FILE.instructions)


@pytest.mark.parametrize("source", COPIED)
def test_what_is_copied_is_there_and_not_ignored(source: str) -> None:
    assert (ROOT / source).exists()
    assert f"!{source}" in (ROOT / ".dockerignore").read_text().splitlines()


def test_nothing_else_is_sent_to_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert sorted(line[1:] for line in lines if line.startswith("!")) == sorted(COPIED)


def test_what_the_package_is_built_of_is_copied() -> None:
    roots = {path.split("/")[0] for path in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    named = {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"], "pyproject.toml"}
    assert roots | named <= set(COPIED)


def test_stages_that_are_copied_from_exist() -> None:
    stages = [rest.split()[-1] for rest in FILE.all("FROM")]
    taken = [rest.split()[0].removeprefix("--from=") for rest in FILE.all("COPY") if rest.startswith("--from")]
    assert stages == ["build", "page-build", "page", "service"], "the last one is what is built without a target"
    assert sorted(taken) == ["build", "page-build"]


def test_only_what_is_locked_is_installed() -> None:
    installs = [rest for rest in FILE.all("RUN") if "pip install" in rest]
    assert installs == ["pip install --require-hashes -r requirements.lock", "pip install --no-deps ."]


def test_the_commands_are_those_of_the_command_line() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    (program,) = SERVICE.words("ENTRYPOINT")
    assert program in PROJECT["project"]["scripts"]
    assert SERVICE.words("CMD")[0] in commands
    asked, command = SERVICE.words("HEALTHCHECK")
    assert (asked, command in commands) == (program, True)


def test_the_variables_are_settings_and_the_port_is_exposed() -> None:
    ours = {name: value for name, value in SERVICE.environment.items() if name.startswith(PREFIX)}
    settings, _ = load({name.removeprefix(PREFIX).lower(): value for name, value in ours.items()})
    assert settings.listen == f"0.0.0.0:{SERVICE.last('EXPOSE')}"
    assert DEFAULT_TARGET.endswith(f":{SERVICE.last('EXPOSE')}"), "where the health check looks"


@pytest.mark.parametrize("image", [SERVICE, PAGE])
def test_it_does_not_run_as_root(image: Dockerfile) -> None:
    user = image.last("USER")
    assert user.split(":")[0].isdecimal()
    assert int(user.split(":")[0]) > 0
    names = [name for name, _ in image.instructions]
    assert "RUN" not in names[names.index("USER") :]
