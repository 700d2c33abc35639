"""After a failure: whether to try again, and how long to wait before."""

from __future__ import annotations

import random
from collections.abc import Callable

from streamsvc.client.errors import GaveUp, Unreachable, resumable
from streamsvc.client.options import ClientOptions
from streamsvc.errors import ServerDraining, StreamsvcError, TokenInvalid


class Retries:
    """The patience of one stream or call. Progress makes it new.

    `now` returns seconds that never go back. `targets` is how many targets may be asked at once, one after the other,
    when one of them is about to stop.
    """

    def __init__(self, options: ClientOptions, now: Callable[[], float], *, targets: int = 1) -> None:
        self._options = options
        self._now = now
        self._targets = targets
        self._failing_since: float | None = None
        self._failures = 0
        self._too_large = 0
        self._asked_token = False

    def progress(self) -> None:
        """Take note that something came that was not known before."""
        self.contact()
        self._failures = self._too_large = 0

    def contact(self) -> None:
        """Take note that the service answered at all, with a heartbeat say: there is no reason to give up."""
        self._failing_since = None
        self._asked_token = False

    def wait(self, error: StreamsvcError) -> float:
        """Return how many seconds to wait before the next attempt.

        What the server asks for, unless another one can be asked; else nothing after progress; else the backoff. Raises
        `error` if another attempt would not help, and GaveUp if nothing came for too long.
        """
        if isinstance(error, TokenInvalid) and self._options.token is not None and not self._asked_token:
            self._asked_token = True
            return 0.0
        if not resumable(error):
            raise error
        self._failing_since = self._now() if self._failing_since is None else self._failing_since
        self._too_large += isinstance(error, Unreachable) and error.code == "RESOURCE_EXHAUSTED"
        if self._too_large >= 2:  # a message that is too large for this client stays so
            raise error
        seconds = self._now() - self._failing_since
        if seconds > self._options.give_up_after.total_seconds():
            text = f"nothing came for {seconds:.0f} s; last: {error.message}"
            raise GaveUp(text, {"seconds": f"{seconds:.0f}"}) from error
        self._failures += 1
        if isinstance(error, ServerDraining) and self._failures < self._targets:
            return 0.0
        if error.retry_after is not None:
            return error.retry_after.total_seconds()
        if self._failures == 1:
            return 0.0
        return self._options.backoff.delay(self._failures - 2, random=random.random).total_seconds()
