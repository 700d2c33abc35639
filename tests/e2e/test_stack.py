"""`make stack`: all parts, on free ports, twice over the same folder; what was said and the certificate are kept."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import httpx2
import pytest

from streamsvc.cli.output import answer_text
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.page import build
from tests.support.redis_process import free_port
from tests.support.service import client_of
from tools.processes import NotStarted
from tools.stack import redis
from tools.whole import MODELS, Ports, whole


@pytest.fixture
def ports(model_url: str) -> Ports:
    """Return free ports, and that of the model that runs for all tests."""
    services = (free_port(), free_port())
    model = httpx2.URL(model_url).port
    assert model is not None
    return Ports(model, free_port(), services, *(free_port() for _ in range(4)))


@pytest.mark.model
async def test_the_stack_answers_at_its_urls_and_goes_on_from_what_it_kept(ports: Ports, tmp_path: Path) -> None:
    build()
    async with whole(ports, tmp_path) as told, client_of(f"127.0.0.1:{ports.http}") as client:
        assert f"http://localhost:{ports.http} and https://localhost:{ports.https}" in told
        first = json.loads(MODELS.read_text())[0]
        asked = {"producer": first["producer"], "model": first["model"]}
        job = await client.start_request(pb.StartGenerationRequest(prompt="Why is the sky blue?", **asked))
        async for _ in client.stream(job.id):
            pass
        said = answer_text(await client.state(job.id))
        assert said
    certificate = (tmp_path / "envoy" / "cert.pem").read_bytes()
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"http://127.0.0.1:{ports.http}/v1/jobs")
    async with whole(ports, tmp_path):
        trusting = ssl.create_default_context(cafile=str(tmp_path / "envoy" / "cert.pem"))
        async with httpx2.AsyncClient(verify=trusting, timeout=20) as client:
            assert (await client.get(f"https://localhost:{ports.https}/models.json")).json()[0] == first
            state = (await client.get(f"https://localhost:{ports.https}/v1/jobs/{job.id}")).json()["state"]
    assert state["parts"][0]["text"]["text"] == said
    assert (tmp_path / "envoy" / "cert.pem").read_bytes() == certificate


async def test_a_part_that_somebody_else_runs_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    port = free_port()
    async with redis(port, tmp_path):
        with pytest.raises(NotStarted, match="another program answers where redis would"):
            async with redis(port, tmp_path):
                pass
