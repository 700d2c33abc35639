"""Upstreams from settings and variables: which producer each kind makes, and what is said where that cannot be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamsvc.cli.main import app
from streamsvc.cli.serve import _producers
from streamsvc.producers.anthropic.producer import Anthropic
from streamsvc.producers.base import Producer
from streamsvc.producers.openai_chat.producer import OpenAIChat
from streamsvc.producers.openai_responses.producer import OpenAIResponses
from streamsvc.producers.registry import Timeouts, UpstreamConfig, build
from streamsvc.settings import FILE, PREFIX, load

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Timeouts(*3 * [timedelta(seconds=1)])
KINDS = {"openai_chat": OpenAIChat, "openai_responses": OpenAIResponses, "anthropic": Anthropic}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith((PREFIX, "OPENAI_", "ANTHROPIC_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def made() -> dict[str, Producer]:
    return dict(_producers(load({})[0]))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_makes_a_producer_of_its_family(kind: str) -> None:
    Path(FILE).write_text(f'[upstreams.mine]\nkind = "{kind}"\ndefault_model = "m"\n')
    producers = made()
    assert list(producers) == ["mine", "scripted"]
    assert type(producers["mine"]) is KINDS[kind]
    assert (producers["mine"].name, producers["mine"].default_model) == ("mine", "m")


def test_the_upstreams_of_the_docs_can_be_used_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "sk-1")
    (block,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "upstreams.md").read_text(), re.DOTALL)
    Path(FILE).write_text(block)
    assert list(made())[:3] == ["gpt", "claude", "local"]


@pytest.mark.parametrize(
    ("variable", "name", "kind"),
    [
        ("OPENAI_API_KEY", "openai", OpenAIChat),
        ("OPENAI_BASE_URL", "openai", OpenAIChat),
        ("ANTHROPIC_API_KEY", "anthropic", Anthropic),
        ("ANTHROPIC_BASE_URL", "anthropic", Anthropic),
    ],
)
def test_a_variable_alone_makes_an_upstream(
    monkeypatch: pytest.MonkeyPatch, variable: str, name: str, kind: type
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:1/v1")
    producers = made()
    assert list(producers) == [name, "scripted"]
    assert type(producers[name]) is kind


def test_both_keys_make_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-2")
    assert list(made()) == ["openai", "anthropic", "scripted"]


def test_a_table_of_that_name_wins_over_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    Path(FILE).write_text('[upstreams.openai]\nkind = "openai_responses"\napi_key_env = "OPENAI_API_KEY"\n')
    assert type(made()["openai"]) is OpenAIResponses


@pytest.mark.parametrize(("kind", "package"), [("openai_chat", "openai"), ("anthropic", "anthropic")])
def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, kind: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"streamsvc.producers.{kind}.producer", raising=False)
    with pytest.raises(ValueError, match=rf"upstream mine needs the package {package}: pip install 'streamsvc\["):
        build({"mine": UpstreamConfig(kind)}, LIMITS)


def test_the_service_begins_without_the_packages() -> None:
    code = (
        "import sys\n"
        "for name in ('openai', 'anthropic', 'httpx2'): sys.modules[name] = None\n"
        "import streamsvc.cli.serve as serve\n"
        "from streamsvc.settings import load\n"
        "print(*serve._producers(load({})[0]))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout.strip(), ran.stderr, ran.returncode) == ("scripted", "", 0)


@pytest.mark.parametrize("kind", ["openai_responses", "anthropic"])
def test_a_mode_that_the_kind_does_not_know_is_one_sentence(kind: str) -> None:
    Path(FILE).write_text(f'[upstreams.mine]\nkind = "{kind}"\ncontinue_mode = "prefix"\n')
    ran = CliRunner().invoke(app, ["serve", "--print-config"])
    assert ran.exit_code == 1
    assert ran.stderr == "streamsvc: the continue_mode of upstream mine must be one of auto, message, none\n"
