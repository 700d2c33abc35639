"""A producer whose jobs processes outside the service write: known here by its name alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

from streamsvc.producers.base import Finished, Notes, UpstreamError
from streamsvc.v1 import event_pb2, job_service_pb2, state_pb2


class Worker:
    """Stands for those who claim jobs of this name through ProducerService. See `base.Producer`.

    A request that names no model gets `default_model`, and where that is empty the producer's own name.
    """

    def __init__(self, name: str, default_model: str = "") -> None:
        self.name = name
        self.default_model = default_model or name

    def continues(self, request: job_service_pb2.StartGenerationRequest) -> bool:
        """Who claims a job is told what was said so far."""
        return True

    def check(self, request: job_service_pb2.StartGenerationRequest) -> None:
        """Take any request: the workers judge it."""

    async def generate(
        self,
        request: job_service_pb2.StartGenerationRequest,
        so_far: state_pb2.JobState | None,
        notes: Notes,
    ) -> AsyncIterator[event_pb2.Event | Finished]:
        """Refuse: a job gets here only if it was started while the name stood for something else."""
        text = f"the jobs of {self.name} are written by processes outside the service now"
        raise UpstreamError("UPSTREAM_UNAVAILABLE", text, retryable=True, retried=True)
        yield
