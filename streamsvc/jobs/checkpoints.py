"""When the state of a running job is kept in the store, beside its log."""

from __future__ import annotations

from streamsvc.jobs.holder import Holder
from streamsvc.jobs.options import JobOptions


class Checkpoints:
    """Keeps a state whenever so much was written that readers elsewhere should not have to fold it.

    That is `checkpoint_bytes`, and at least as much as the last state had: so a long answer costs a few times its own
    size, not its square. A log of more than `max_log_bytes` lets go of what the state covers.
    """

    def __init__(self, options: JobOptions) -> None:
        self._every = options.checkpoint_bytes
        self._most = options.max_log_bytes
        self._written = 0
        self._log_bytes = 0
        self._state_bytes = 0

    async def after(self, size: int, holder: Holder) -> None:
        """Take note of an append of `size` bytes, and keep a state if it is time."""
        self._written += size
        self._log_bytes += size
        trims = self._log_bytes > self._most
        if not trims and not (self._every and self._written > max(self._every, self._state_bytes)):
            return
        kept = await holder.checkpoint(trim=trims)
        if kept is None:
            return  # at the next append again
        self._written, self._state_bytes = 0, kept
        if trims:
            self._log_bytes = 0
