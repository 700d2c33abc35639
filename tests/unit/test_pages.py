"""The server of built pages: files, and nothing about the folder that they are in."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from tests.support.redis_process import free_port
from tools.stack import pages


@pytest.mark.parametrize("path", ["/", "/assets", "/assets/"])
async def test_a_page_that_is_gone_is_not_there_and_its_folder_is_not_listed(tmp_path: Path, path: str) -> None:
    page = tmp_path / "index.html"
    page.write_text("<p>Hello</p>")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index.js").write_text("")
    async with pages(free_port(), "--folder", str(tmp_path)) as address, httpx2.AsyncClient() as client:
        page.unlink()
        answer = await client.get(f"http://{address}{path}", follow_redirects=True)
    assert (answer.status_code, "index.js" in answer.text) == (404, False)


async def test_a_page_is_served_with_the_headers_of_a_careful_one(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>Hello</p>")
    async with pages(free_port(), "--folder", str(tmp_path)) as address, httpx2.AsyncClient() as client:
        answer = await client.get(f"http://{address}/")
    assert (answer.status_code, answer.text) == (200, "<p>Hello</p>")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
