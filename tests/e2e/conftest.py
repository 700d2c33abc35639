"""What all tests of the whole share: the real local model and the chat page, each started once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.support.model import local_model
from tests.support.page import Site, site


@pytest.fixture(scope="session", autouse=True)
def one_process(alone: None) -> None:
    """Let nobody else start a model, Chromium or Envoy, or build a page, meanwhile."""


@pytest.fixture(scope="session")
def model_url() -> Iterator[str]:
    """Base URL of the real local model's OpenAI-compatible API."""
    with local_model() as url:
        yield url


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def there() -> AsyncIterator[Site]:
    """The chat page and all that it needs. Whoever kills an instance or Envoy starts it again."""
    async with site() as running:
        yield running
