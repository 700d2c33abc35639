"""What is heard on a channel, understood."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Heard(Generic[V]):
    """Messages as `understand` returns them; one of which it returns nothing is passed over.

    Not a generator: waiting for the next one with a time limit must not end it.
    """

    def __init__(self, messages: AsyncIterator[bytes | None], understand: Callable[[bytes | None], V | None]) -> None:
        self._messages = messages
        self._understand = understand

    def __aiter__(self) -> AsyncIterator[V]:
        return self

    async def __anext__(self) -> V:
        while True:
            understood = self._understand(await anext(self._messages))
            if understood is not None:
                return understood
