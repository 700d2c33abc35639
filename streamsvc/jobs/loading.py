"""The fold of a part of a log that is in the store and not in memory."""

from __future__ import annotations

import asyncio

from streamsvc.errors import StoreUnavailable
from streamsvc.fold import Fold
from streamsvc.log import START, Cursor
from streamsvc.store.base import Store, Unservable

READ_BYTES = 64 * 1024


async def loaded(store: Store, job_id: str, base: int) -> tuple[Fold, Cursor]:
    """Return a fold of the log up to the event `base` or a little beyond, and the cursor that it stands for.

    The cursor is START if the log went on from somewhere else meanwhile. Raises JobNotFound, StoreUnavailable.
    """
    checkpoint = await store.read_checkpoint(job_id) if base > 0 else None
    fold = Fold(checkpoint)
    cursor = Cursor(checkpoint.job.epoch, checkpoint.offset) if checkpoint else START
    try:
        while cursor.offset < base:
            chunk = await store.read(job_id, cursor, max_bytes=READ_BYTES)
            if not chunk.frames:
                raise StoreUnavailable("the store lost a part of the log that is being put back")
            fold.apply_frames(chunk.frames)
            cursor = Cursor(chunk.epoch, chunk.last)
            await asyncio.sleep(0)
    except Unservable:
        return fold, START
    return fold, cursor
