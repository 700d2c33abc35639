"""The FastAPI example in Chromium: people ask at the backend and read through Envoy, and strangers read nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.async_api import BrowserContext, Page, async_playwright

from streamsvc.v1 import job_pb2
from tests.support.envoy_process import EnvoyProcess
from tests.support.page import FLAGS, LIMIT_MS
from tests.support.redis_process import free_port
from tests.support.service import Service, client_of
from tests.support.uvicorn_process import ROOT, served
from tools.envoy import Edge

EXAMPLE = ROOT / "examples" / "fastapi"
USERS = {"ada": "one", "bob": "two"}
BUILD_SECONDS = 120
GRPC_WEB = "application/grpc-web+proto"

CALL = """
([path, body, type]) => fetch(path, {method: body === null ? "GET" : "POST", body, headers: {"content-type": type}})
  .then(async (response) => [response.status, response.headers.get("grpc-status"), await response.text()])
"""


class Locked:
    """Envoy's settings, locked by the example."""

    def __init__(self, edge: Edge, key: Path) -> None:
        self._edge, self._key = edge, key
        self.admin_port = edge.admin_port

    def write(self, into: Path) -> Path:
        """Write them into this folder, and return the path of the configuration."""
        path = self._edge.write(into)
        subprocess.run([sys.executable, EXAMPLE / "edge.py", path, self._key], check=True, timeout=30)
        return path


class LockedEnvoy(EnvoyProcess):
    """Envoy as the example has it."""

    def __init__(self, service: str, backend: str, key: Path) -> None:
        super().__init__([service], stream_idle_timeout=60, pages=[backend])
        self._settings = Locked(self._settings, key)  # type: ignore[assignment]


@dataclass(frozen=True)
class Site:
    """All that runs."""

    service: Service
    envoy: EnvoyProcess
    browser: Any

    async def person(self) -> tuple[BrowserContext, Page]:
        """Return a browser that nobody has used, at the page."""
        context = await self.browser.new_context(ignore_https_errors=True)
        context.set_default_timeout(LIMIT_MS)
        page = await context.new_page()
        await page.goto(self.envoy.tls_url)
        return context, page


def build() -> None:
    """Build the page."""
    command = ["npx", "vite", "build", str(EXAMPLE), "--logLevel", "error"]
    subprocess.run(command, cwd=ROOT / "web", check=True, timeout=BUILD_SECONDS)


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    """Run the example."""
    build()
    key = folder / "key.pem"
    private = generate_private_key(SECP256R1())
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    environment = {"SESSION_KEY": str(key), "USERS": json.dumps(USERS)}
    async with AsyncExitStack() as parts:
        service = await parts.enter_async_context(await Service.start())
        environment["STREAMSVC_TARGET"] = service.address
        address = await parts.enter_async_context(served("backend:app", EXAMPLE, port=free_port(), **environment))
        envoy = await parts.enter_async_context(LockedEnvoy(service.address, address, key))
        playwright = await parts.enter_async_context(async_playwright())
        program = shutil.which("chromium")
        assert program is not None, "chromium is missing: run `make tools`"
        browser = await playwright.chromium.launch(executable_path=program, args=[*FLAGS])
        parts.push_async_callback(browser.close)
        yield Site(service, envoy, browser)


async def sign_in(page: Page, name: str) -> None:
    """Sign in, as a person would."""
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(USERS[name])
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_label("Question").wait_for()


async def call(page: Page, path: str, body: str | None = None, kind: str = "application/json") -> list[Any]:
    """Make a call as a script in the page would: status, gRPC status, body."""
    answered: list[Any] = await page.evaluate(CALL, [path, body, kind])
    return answered


@pytest.mark.timeout(180)
async def test_a_person_asks_at_the_backend_and_reads_through_envoy_and_a_stranger_reads_nothing(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as there:
        _, page = await there.person()
        await sign_in(page, "ada")
        job_id = await asks(page, "Tell me something")
        await page.reload()
        await page.locator(f"#answer[data-job='{job_id}'][data-status=ended]").wait_for()
        said = await ended(there, job_id, job_pb2.JOB_STATUS_COMPLETED)
        assert await page.locator("#answer").text_content() == said
        assert '"route":"stream"' in there.envoy.access_log

        _, stranger = await there.person()
        await knows_nothing(stranger, job_id)
        await sign_in(stranger, "bob")
        await may_not(stranger, job_id)

        stopped = await asks(page, "Tell me more")
        await page.get_by_role("button", name="Stop").click()
        await page.locator(f"#answer[data-job='{stopped}'][data-status=ended]").wait_for()
        await ended(there, stopped, job_pb2.JOB_STATUS_CANCELLED)


async def asks(page: Page, question: str) -> str:
    """Ask, wait for some words, and return the id of the job."""
    before = await page.locator("#answer").get_attribute("data-job") or ""
    await page.get_by_label("Question").fill(question)
    await page.get_by_role("button", name="Ask").click()
    new = f"#answer[data-status=running]:not([data-job='{before}'])"
    await page.wait_for_function("(new_) => document.querySelector(new_)?.textContent.split(' ').length > 5", arg=new)
    return str(await page.locator("#answer").get_attribute("data-job"))


async def ended(there: Site, job_id: str, status: job_pb2.JobStatus.ValueType) -> str:
    """Return what a job has said that has ended so."""
    async with client_of(there.service.address) as client:
        state = await client.state(job_id)
    assert state.job.status == status
    return "".join(part.text.text for part in state.parts)


async def knows_nothing(stranger: Page, job_id: str) -> None:
    """Check what somebody may do who has not signed in: nothing."""
    for rpc in ("StreamJob", "GetJobState"):
        answered = await call(stranger, f"/streamsvc.v1.JobService/{rpc}", "", GRPC_WEB)
        assert answered[1] == "16", answered
    assert (await call(stranger, "/api/jobs"))[0] == 401
    assert (await call(stranger, f"/api/jobs/{job_id}/cancel", ""))[0] == 401


async def may_not(stranger: Page, job_id: str) -> None:
    """Check that somebody who has signed in does not hear of the jobs of others, or reach anything but reading."""
    assert await call(stranger, "/api/jobs") == [200, None, "[]"]
    status, _, body = await call(stranger, f"/api/jobs/{job_id}/cancel", "")
    assert (status, json.loads(body)["detail"]) == (404, "JOB_NOT_FOUND")
    for rpc in ("ListJobs", "WatchJobs", "StartGeneration", "DeleteJob", "CancelJob"):
        answered = await call(stranger, f"/streamsvc.v1.JobService/{rpc}", "", GRPC_WEB)
        assert answered[0] == 404 or answered[1] == "12", answered
    assert (await call(stranger, f"/v1/jobs/{job_id}"))[0] == 404
