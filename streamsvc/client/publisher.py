"""Whoever writes one job from outside the service, as the caller sees it: what is said, and how it ends."""

from __future__ import annotations

import uuid

from streamsvc.client.publish_outbox import Outbox
from streamsvc.client.publish_parts import Reasoning, Text, ToolCall, Voice
from streamsvc.fold import Fold
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, job_service_pb2, state_pb2

FINAL_KINDS = frozenset({"job_completed", "job_failed", "job_cancelled"})


class Publisher:
    """Says one job's answer: text with `say`, or part by part.

        async with pub.text() as part:
            await part.write("Hello")

    `so_far` is the job with what was said before this process wrote it, `request` the one that started it (None if it
    was created by `publish`), `context_json` what its creator left for those who take it over. When the block of
    the publisher is left the answer is complete, or waits for people if any were asked, unless `end` or `fail` said
    otherwise.
    """

    def __init__(
        self,
        so_far: state_pb2.JobState,
        outbox: Outbox,
        request: job_service_pb2.StartGenerationRequest | None = None,
        context_json: str = "",
    ) -> None:
        self.so_far = so_far
        self.request = request
        self.context_json = context_json
        self.final: event_pb2.Event | None = None
        self._outbox = outbox
        self._voice = Voice(outbox, so_far.parts)
        self._calls = 0
        self._asked = bool(so_far.input_requests)

    @property
    def job(self) -> job_pb2.Job:
        """The job, and how it ends as soon as that is known. When it ended is the service's to say."""
        fold = Fold(self.so_far)
        if self.final is not None:
            fold.apply([self.final])
        job = fold.state().job
        job.last_offset = self._outbox.stored
        job.ClearField("complete_time")
        job.ClearField("expire_time")
        return job

    async def say(self, item: str | event_pb2.Event) -> None:
        """Say some text, in the last part if that is such text and else in a new one; or an event as it is.

        The part indexes of events are the caller's matter. A final event ends the job when the block is left. Waits
        while the service is far behind.
        """
        if isinstance(item, str):
            if item:
                await self._voice.loose(item)
        elif item.WhichOneof("payload") in FINAL_KINDS:
            self.end(item)
        else:
            event = event_pb2.Event()
            event.CopyFrom(item)
            self._asked = self._asked or event.HasField("input_requested")
            await self._voice.event(event)

    def text(self) -> Text:
        """Return a part of text, to be entered."""
        return Text(self._voice)

    def reasoning(self) -> Reasoning:
        """Return a part of reasoning, to be entered."""
        return Reasoning(self._voice)

    def tool_call(self, name: str, call_id: str = "") -> ToolCall:
        """Return a call of a tool, to be entered. Without a `call_id` it is given one."""
        self._calls += 1
        return ToolCall(self._voice, name, call_id or f"call_{len(self.so_far.parts)}_{self._calls}")

    async def title(self, text: str) -> None:
        """Say a short name for the job's conversation."""
        updated = event_pb2.MetadataUpdated(metadata={"title": text})
        await self._voice.event(event_pb2.Event(metadata_updated=updated))

    async def ask(self, request: content_pb2.InputRequest) -> str:
        """Ask people something, and return the question's id: without one it is given one.

        The job ends with INPUT_REQUIRED when the block is left. Its questions are answered together, by the start of
        the next job: `answers` of its request.
        """
        asked = content_pb2.InputRequest()
        asked.CopyFrom(request)
        asked.id = request.id or uuid.uuid4().hex
        await self.say(event_pb2.Event(input_requested=event_pb2.InputRequested(input_request=asked)))
        return asked.id

    def complete(self, reason: job_pb2.FinishReason.ValueType | None = None) -> None:
        """Say why the answer is complete: by itself since it is at its end, or since people were asked.

        The first word on the end counts.
        """
        if reason is None:
            reason = job_pb2.FINISH_REASON_INPUT_REQUIRED if self._asked else job_pb2.FINISH_REASON_STOP
        self.end(event_pb2.Event(job_completed=event_pb2.JobCompleted(finish_reason=reason)))

    def fail(self, reason: str, message: str, *, retryable: bool = False) -> None:
        """Say that the job fails, why (in UPPER_SNAKE_CASE), and whether asking again may help."""
        error = job_pb2.JobError(reason=reason, message=message, retryable=retryable)
        self.end(event_pb2.Event(job_failed=event_pb2.JobFailed(error=error)))

    def end(self, final: event_pb2.Event) -> None:
        """Say how the job ends when the block is left. The first word counts."""
        if self.final is None:
            self.final = event_pb2.Event()
            self.final.CopyFrom(final)

    def ending(self) -> event_pb2.Event:
        """Return the event that ends the job."""
        if self.final is None:
            raise ValueError("nobody has said how the job ends")
        return self.final

    async def settle(self) -> None:
        """Complete what `say` left open."""
        await self._voice.settle()
