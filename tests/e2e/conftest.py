"""What all tests of the whole share: the real local model, started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.model import local_model


@pytest.fixture(scope="session")
def model_url() -> Iterator[str]:
    """Base URL of the real local model's OpenAI-compatible API."""
    with local_model() as url:
        yield url
