"""An answer that is said again from its beginning: what is stored of it already is left out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from streamsvc.v1 import event_pb2, state_pb2

BEGINNINGS = 2
"""The events that every job of `publish` begins with: created and started. Each takeover adds one: resumed."""


class AnswerDiffers(Exception):
    """An answer that was begun again says something else than what is stored of it."""


async def beyond(
    answer: AsyncIterator[str | event_pb2.Event], so_far: state_pb2.JobState
) -> AsyncGenerator[str | event_pb2.Event, None]:
    """Yield what `answer` says beyond `so_far`: of text so many characters are left out, of events so many events.

    Closes `answer` when it is closed. Raises AnswerDiffers for text that is not the same, and ValueError for an answer
    of both: pass a function, which gets `so_far`, to go on with such a one.
    """
    said = "".join(part.text.text for part in so_far.parts)
    events = max(0, so_far.offset - BEGINNINGS - (so_far.job.attempt - 1))
    skipping = events > 0
    kinds: set[type] = set()
    try:
        async for item in answer:
            kinds.add(type(item))
            if not skipping:
                yield item
            elif len(kinds) > 1:
                raise ValueError("an answer of text and of events cannot be begun again: pass a function")
            elif isinstance(item, str):
                if item[: len(said)] != said[: len(item)]:
                    raise AnswerDiffers("the answer was begun again, and says something else than before")
                rest, said = item[len(said) :], said[len(item) :]
                skipping = bool(said)
                if rest:
                    skipping = False
                    yield rest
            else:
                events -= 1
                skipping = events > 0
    finally:
        aclose = getattr(answer, "aclose", None)
        if aclose is not None:
            await aclose()
