"""Pages of other origins: those that may call are told so, all others reach nothing."""

from __future__ import annotations

import httpx2
import pytest

from tests.integration.envoy.conftest import Edge
from tests.support.envoy_process import PAGE
from tests.support.service import LIMIT

pytestmark = pytest.mark.asyncio(loop_scope="session")

STRANGER = "https://evil.example.com"
PATHS = ["/streamsvc.v1.JobService/StreamJob", "/v1/jobs"]
HEADERS = "authorization,content-type,grpc-timeout,x-grpc-web,x-user-agent"


async def asked(edge: Edge, method: str, path: str, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx2.AsyncClient(base_url=edge.envoy.url, timeout=LIMIT) as client:
        return await client.request(method, path, headers=named, content=b"{}" if method == "POST" else None)


def preflight(origin: str, method: str = "POST") -> dict[str, str]:
    return {
        "origin": origin,
        "access_control_request_method": method,
        "access_control_request_headers": HEADERS,
    }


@pytest.mark.parametrize("path", PATHS)
async def test_a_page_that_may_call_is_told_what_it_may_send(edge: Edge, path: str) -> None:
    answer = await asked(edge, "OPTIONS", path, **preflight(PAGE))
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    # The client's spare connections to another origin are those with cookies, if there are any.
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "POST" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].replace(" ", "").split(",")
    assert set(HEADERS.split(",")) <= set(allowed)


async def test_a_page_that_may_call_may_read_the_answer_and_its_status(edge: Edge) -> None:
    answer = await asked(edge, "GET", "/v1/jobs", origin=PAGE)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "grpc-status-details-bin" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_page_that_may_not_call_is_refused_before_it_calls(edge: Edge, path: str) -> None:
    answer = await asked(edge, "OPTIONS", path, **preflight(STRANGER))
    assert answer.is_error
    assert "access-control-allow-origin" not in answer.headers


async def test_a_page_that_may_not_call_starts_no_job_without_asking_first(edge: Edge) -> None:
    # Browsers send it without a preflight.
    answer = await asked(edge, "POST", "/v1/jobs", origin=STRANGER, content_type="text/plain")
    assert answer.status_code == 403
    assert "not allowed" in answer.json()["message"]
