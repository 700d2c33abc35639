"""What a job of processes outside the service began with, as it is kept beside it: the request of either kind."""

from __future__ import annotations

from dataclasses import dataclass

from streamsvc.v1 import job_service_pb2
from streamsvc.v1 import producer_service_pb2 as pb

_CREATED, _STARTED = b"c", b"s"


@dataclass(frozen=True, slots=True)
class Origin:
    """One of the two requests: CreateJob's, or StartGeneration's."""

    created: pb.CreateJobRequest | None = None
    started: job_service_pb2.StartGenerationRequest | None = None

    @classmethod
    def unpack(cls, content: bytes) -> Origin:
        """Return what `pack` packed."""
        if content[:1] == _CREATED:
            return cls(created=pb.CreateJobRequest.FromString(content[1:]))
        return cls(started=job_service_pb2.StartGenerationRequest.FromString(content[1:]))

    def pack(self) -> bytes:
        """Return the request as bytes that tell its kind."""
        if self.created is not None:
            return _CREATED + self.created.SerializeToString(deterministic=True)
        return _STARTED + self._started.SerializeToString(deterministic=True)

    @property
    def concurrency(self) -> int:
        """What to do if the conversation has a running job."""
        return self.created.concurrency if self.created is not None else self._started.concurrency

    @property
    def recovery(self) -> int:
        """What to do if the writer is lost."""
        return 0 if self.created is not None else self._started.recovery

    @property
    def context_json(self) -> str:
        """What the creator left for whoever takes the job over."""
        return self.created.context_json if self.created is not None else ""

    @property
    def _started(self) -> job_service_pb2.StartGenerationRequest:
        assert self.started is not None  # noqa: S101 # one of the two is there
        return self.started
