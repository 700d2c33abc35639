"""Every test here runs over every store: a promise of the interface is a promise of each."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support import hypothesis_profiles
from tests.support.stores import FACTORIES, StoreUnderTest

hypothesis_profiles.load()


@pytest.fixture(params=FACTORIES)
async def store_under_test(request: pytest.FixtureRequest) -> AsyncIterator[StoreUnderTest]:
    """A new store, with handles on its time and its losses."""
    async with FACTORIES[request.param]() as sut:
        yield sut


@pytest.fixture
def sut(store_under_test: StoreUnderTest) -> StoreUnderTest:
    """The store under test, in short."""
    return store_under_test
