"""Who holds which conversation in the memory store."""

from __future__ import annotations

from streamsvc.v1 import job_pb2


class Claims:
    """Holders by owner and conversation."""

    def __init__(self) -> None:
        self._holders: dict[tuple[str, str], str] = {}

    def __len__(self) -> int:
        """Return how many conversations are held."""
        return len(self._holders)

    def claim(self, owner: str, conversation_id: str, job_id: str, over: str) -> str:
        """See `JobTable.claim`."""
        place = (owner, conversation_id)
        if self._holders.get(place, "") == over:
            self._holders[place] = job_id
        if not self._holders.get(place):
            return self._holders.pop(place, "")
        return self._holders[place]

    def forget(self, job: job_pb2.Job) -> None:
        """Take its conversation from a job that is gone."""
        self.claim(job.owner, job.conversation_id, "", over=job.id)
