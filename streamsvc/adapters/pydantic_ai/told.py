"""What Pydantic AI tells of a run while it goes on, as parts and steps of an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pydantic_ai.messages import (
    AgentStreamEvent,
    BaseToolCallPart,
    CustomEvent,
    FilePart,
    FunctionToolResultEvent,
    ModelMessage,
    ModelResponse,
    ModelResponsePart,
    NativeToolCallPart,
    NativeToolReturnPart,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallEvent,
    ToolCallPartDelta,
    ToolResultEvent,
    UnknownCustomEvent,
)
from pydantic_ai.usage import RequestUsage

from streamsvc.adapters.pydantic_ai import results
from streamsvc.adapters.saying import Saying
from streamsvc.v1 import content_pb2, job_pb2, state_pb2

_READY = content_pb2.TOOL_CALL_STATUS_READY
_RUNNING = content_pb2.TOOL_CALL_STATUS_RUNNING
_REASONS = {
    "length": job_pb2.FINISH_REASON_LENGTH,
    "content_filter": job_pb2.FINISH_REASON_CONTENT_FILTER,
}


class Told:
    """Hears of a run, and says it. Each response of the model is a step, with the calls that it made."""

    def __init__(self, so_far: state_pb2.JobState, agent: str) -> None:
        self.saying = Saying(so_far, kept=())
        self.step = ""
        self.finish_reason: job_pb2.FinishReason.ValueType = job_pb2.FINISH_REASON_STOP
        self._agent = agent
        self._responses = 0
        self._texts: list[str] = []
        self._cited: dict[str, int] = {}
        self._calls: dict[str, str] = {}
        """Ids of calls, by the keys of their parts."""

    def hear(self, event: AgentStreamEvent, messages: Callable[[], Iterable[ModelMessage]]) -> None:
        """Take what the run tells. `messages` gives those that it has finished."""
        match event:
            case PartStartEvent():
                self.hear_responses(messages())
                self._begin()
                self._started(self._key(event.index), event.part)
            case PartDeltaEvent():
                self._grown(self._key(event.index), event.delta)
            case PartEndEvent():
                self._ended(self._key(event.index), event.part)
            case ToolCallEvent():
                self._settle()
                self.call(event.part)
                if event.args_valid is not None:
                    self.saying.update(event.tool_call_id, _RUNNING)
            case ToolResultEvent():
                also = event.content if isinstance(event, FunctionToolResultEvent) else None
                given = results.results_of(event.part, also)
                self.saying.update(event.tool_call_id, results.status_of(event.part), *given)
            case CustomEvent() if event.ui and not isinstance(event, UnknownCustomEvent):
                self.saying.custom(event.name, results.json_of(event.to_payload()))
            case _:
                pass

    def hear_responses(self, messages: Iterable[ModelMessage]) -> None:
        """Count the tokens of the responses that have become whole."""
        responses = [message for message in messages if isinstance(message, ModelResponse)]
        for number, response in enumerate(responses[self._responses :], self._responses + 1):
            self.finish_reason = _REASONS.get(response.finish_reason or "", job_pb2.FINISH_REASON_STOP)
            self.saying.usage(_usage_of(response.usage), response.model_name or "", f"response-{number}")
        self._responses = len(responses)

    def call(self, call: BaseToolCallPart[Any]) -> None:
        """Tell of a call whose arguments are whole, unless it is told of in this job."""
        runner = content_pb2.TOOL_RUNNER_PRODUCER
        if isinstance(call, NativeToolCallPart):
            runner = content_pb2.TOOL_RUNNER_UPSTREAM
        self.saying.call(call.tool_call_id, call.tool_name, self.step, runner)
        if not self.saying.arguments_of(call.tool_call_id):
            self.saying.argue(call.tool_call_id, call.args_as_json_str())
        self.saying.update(call.tool_call_id, _READY)

    def _begin(self) -> None:
        step = f"response-{self._responses + 1}"
        if step != self.step:
            self._settle()
            self.saying.step_ended(self.step)
            self.step = step
            self.saying.step(step, "message", agent=self._agent)

    def _started(self, key: str, part: ModelResponsePart) -> None:
        match part:
            case TextPart():
                self._texts.append(key)
                self.saying.text(key, part.content, self.step)
            case ThinkingPart():
                self.saying.reasoning(key, part.content, self.step)
            case BaseToolCallPart():
                self._calls[key] = part.tool_call_id
                native = isinstance(part, NativeToolCallPart)
                runner = content_pb2.TOOL_RUNNER_UPSTREAM if native else content_pb2.TOOL_RUNNER_PRODUCER
                self.saying.call(part.tool_call_id, part.tool_name, self.step, runner)
                if isinstance(part.args, str):
                    self.saying.argue(part.tool_call_id, part.args)
            case NativeToolReturnPart():
                self.saying.update(part.tool_call_id, results.status_of(part), *results.results_of(part))
            case FilePart():
                self.saying.file(results.file_of(part.content), self.step)
            case _:
                pass

    def _grown(self, key: str, delta: object) -> None:
        match delta:
            case TextPartDelta():
                self.saying.text(key, delta.content_delta, self.step)
                self._cite(key, delta.citations_delta)
            case ThinkingPartDelta():
                self.saying.reasoning(key, delta.content_delta or "", self.step)
            case ToolCallPartDelta() if isinstance(delta.args_delta, str):
                self.saying.argue(self._calls.get(key, ""), delta.args_delta)
            case _:
                pass

    def _ended(self, key: str, part: ModelResponsePart) -> None:
        match part:
            case TextPart():
                self._cite(key, part.citations)
            case ThinkingPart():
                self.saying.close(key)
            case BaseToolCallPart():
                self.call(part)
            case _:
                pass

    def _cite(self, key: str, citations: list[Any] | None) -> None:
        """Name the sources of a text that were not named yet: they are told of together, and may be told twice."""
        for citation in (citations or [])[self._cited.get(key, 0) :]:
            for made in results.citations_of(citation):
                self.saying.cite(key, made)
        self._cited[key] = max(self._cited.get(key, 0), len(citations or []))

    def _settle(self) -> None:
        """Close the texts of a response that is whole: some models name the sources after a text's end."""
        for key in self._texts:
            self.saying.close(key)
        self._texts = []

    def _key(self, index: int) -> str:
        return f"{self.step} {index}"


def _usage_of(usage: RequestUsage) -> content_pb2.Usage:
    return content_pb2.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.output_reasoning_tokens,
        cached_input_tokens=usage.cache_read_tokens,
        cache_write_input_tokens=usage.cache_write_tokens,
        details={name: count for name, count in usage.details.items() if isinstance(count, int)},
    )
