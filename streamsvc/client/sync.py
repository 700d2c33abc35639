"""The client for scripts and notebooks: the same calls, without async."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

from streamsvc.client.client import Client
from streamsvc.client.options import ClientOptions
from streamsvc.client.stream import Item
from streamsvc.client.watch import JobsUpdate
from streamsvc.v1 import content_pb2, job_pb2, state_pb2

T = TypeVar("T")


class SyncClient:
    """A `Client` whose loop runs in a thread of its own, so that it works where a loop runs already, as in a notebook.

    with SyncClient("127.0.0.1:50051") as client:
        job = client.start("Why is the sky blue?")
        for event in client.stream(job.id):
            print(event)

    Arguments and errors are those of `Client`. An iteration that is left early ends its call.
    """

    def __init__(self, *targets: str, options: ClientOptions | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="streamsvc-client", daemon=True)
        self._thread.start()
        self._client = self._run(self._made(targets, options))

    def __enter__(self) -> SyncClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections. The jobs go on."""
        if self._thread.is_alive():
            self._run(self._client.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def start(self, prompt: str = "", **options: Any) -> job_pb2.Job:
        """Start a generation; see `Client.start`."""
        return self._run(self._client.start(prompt, **options))

    def answer(
        self, previous_job_id: str, answers: Sequence[content_pb2.InputAnswer], *, request_id: str = ""
    ) -> job_pb2.Job:
        """Answer the questions of a job; see `Client.answer`."""
        return self._run(self._client.answer(previous_job_id, answers, request_id=request_id))

    def stream(self, job_id: str, **options: Any) -> Iterator[Item]:
        """Follow a job to its final event; see `Client.stream`."""
        return self._iterate(aiter(self._client.stream(job_id, **options)))

    def jobs(self, **options: Any) -> Iterator[job_pb2.Job]:
        """Iterate over the caller's jobs, newest first; see `Client.jobs`."""
        return self._iterate(self._client.jobs(**options))

    def watch(self, **options: Any) -> Iterator[JobsUpdate]:
        """Hear of each job that starts, changes or ends; see `Client.watch`."""
        return self._iterate(aiter(self._client.watch(**options)))

    def state(self, job_id: str) -> state_pb2.JobState:
        """Return a job with everything that it has said so far."""
        return self._run(self._client.state(job_id))

    def cancel(self, job_id: str, reason: str = "") -> job_pb2.Job:
        """Ask a job to stop."""
        return self._run(self._client.cancel(job_id, reason))

    def delete(self, job_id: str) -> None:
        """Delete a job with everything it said."""
        self._run(self._client.delete(job_id))

    async def _made(self, targets: tuple[str, ...], options: ClientOptions | None) -> Client:
        return Client(*targets, options=options)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        async def step() -> tuple[bool, Any]:
            try:
                return True, await anext(items)
            except StopAsyncIteration:
                return False, None

        try:
            while True:
                found, item = self._run(step())
                if not found:
                    return
                yield item
        finally:
            self._run(items.aclose())  # type: ignore[attr-defined]
