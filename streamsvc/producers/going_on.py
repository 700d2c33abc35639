"""An answer whose writer was lost goes on: the model is handed its beginning, and what it repeats is dropped."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from streamsvc.producers.base import Finished, UpstreamError
from streamsvc.producers.failures import Failures
from streamsvc.producers.said import Said
from streamsvc.producers.seam import Astray
from streamsvc.producers.upstream import Item
from streamsvc.v1 import job_pb2

Attempt = Callable[[str, str], AsyncGenerator[Item, None]]
"""Asks the model to go on from a beginning of what was said; also given is the rest, which it has to say again."""


async def go_on(said: Said, starts: Sequence[str], attempt: Attempt, failures: Failures) -> AsyncGenerator[Item, None]:
    """Yield what follows on what was said, tried from each of `starts`. Nothing that is said again is yielded.

    Raises UpstreamError.
    """
    if said.called:
        yield Finished(job_pb2.FINISH_REASON_TOOL_CALLS)
        return
    for beginning in starts:
        try:
            async with aclosing(attempt(beginning, said.text[len(beginning) :])) as items:
                async for item in items:
                    yield item
            return
        except Astray as astray:
            if astray.begun_anew:
                break
        except UpstreamError as error:
            raise failures.of_continuation(error) if beginning else error from None
    raise failures.astray()
