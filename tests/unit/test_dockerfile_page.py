"""The chat page's stages of the Dockerfile: built of what they copy and nothing else, served, and found healthy."""

from __future__ import annotations

import shutil
import subprocess
import sys
import urllib.request
from functools import partial
from pathlib import Path

from tests.support.dockerfile import Dockerfile
from tests.support.redis_process import free_port, wait_for
from tools.pages import HEADERS
from tools.whole import Ports

ROOT = Path(__file__).resolve().parents[2]
BUILD, PAGE = Dockerfile(ROOT, "page-build"), Dockerfile(ROOT, "page")
LIMIT = 30.0


def copied(stage: Dockerfile, into: Path) -> None:
    """Do what the COPY instructions of a stage do with files of this repository."""
    for sources, target in (rest.rsplit(" ", 1) for rest in stage.all("COPY") if not rest.startswith("--from")):
        for source in sources.split():
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, into / target, ignore=shutil.ignore_patterns("dist"))
            else:
                (into / target).mkdir(exist_ok=True)
                shutil.copy(ROOT / source, into / target)


def test_the_page_is_built_of_what_is_copied(tmp_path: Path) -> None:
    install, build = BUILD.all("RUN")
    assert install.startswith("npm ci ")
    if not (ROOT / "web" / "node_modules" / ".package-lock.json").exists():
        subprocess.run(install.split(), cwd=ROOT / "web", check=True, timeout=LIMIT)
    copied(BUILD, tmp_path)
    (tmp_path / "node_modules").symlink_to(ROOT / "web" / "node_modules")
    subprocess.run(build.split(), cwd=tmp_path, check=True, capture_output=True, timeout=LIMIT)
    (taken,) = [rest.split()[1] for rest in PAGE.all("COPY") if rest.startswith("--from")]
    built = tmp_path / Path(taken).relative_to(BUILD.last("WORKDIR"))
    assert {"index.html", "models.json", "assets"} == {path.name for path in built.iterdir()}


def test_the_page_is_served_by_what_is_copied_alone_and_found_healthy(tmp_path: Path) -> None:
    copied(PAGE, tmp_path)
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("a page")
    port = free_port()
    given = {"python": sys.executable, "0.0.0.0": "127.0.0.1", PAGE.last("EXPOSE"): str(port)}
    folder = PAGE.last("COPY").split()[-1]
    command = [given.get(word, word).replace(folder, str(tmp_path / "page")) for word in PAGE.words("CMD")]
    asked = [given.get(word, word).replace(PAGE.last("EXPOSE"), str(port)) for word in PAGE.words("HEALTHCHECK")]
    with subprocess.Popen([command[0], "-S", *command[1:]], cwd=tmp_path) as serving:
        try:
            wait_for(partial(_answers, port), "the page")
            assert subprocess.run(asked, timeout=LIMIT).returncode == 0
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=LIMIT) as answer:
                assert answer.read() == b"a page"
                assert HEADERS.items() <= dict(answer.headers).items()
        finally:
            serving.kill()
    assert subprocess.run(asked, capture_output=True, timeout=LIMIT).returncode != 0


def test_the_port_is_the_same_without_docker() -> None:
    assert PAGE.last("EXPOSE") == str(Ports().pages)
    words = PAGE.words("CMD")
    assert words[words.index("--port") + 1] == PAGE.last("EXPOSE")


def test_node_is_of_the_version_that_is_tested() -> None:
    said = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True, timeout=LIMIT).stdout
    assert BUILD.images == [f"node:{said.removeprefix('v').split('.')[0]}-bookworm-slim"]


def _answers(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=LIMIT):
        return True
