"""What the OpenAI Agents SDK tells of a run while it goes on, as parts and steps of an answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from agents import RunItem, StreamEvent, ToolApprovalItem
from agents.items import TResponseStreamEvent

from streamsvc.adapters import files
from streamsvc.adapters.openai_agents import calls
from streamsvc.adapters.openai_agents.sources import citation_of
from streamsvc.adapters.saying import Saying
from streamsvc.v1 import content_pb2, job_pb2, state_pb2

_READY = content_pb2.TOOL_CALL_STATUS_READY
_RUNNING = content_pb2.TOOL_CALL_STATUS_RUNNING
_SUCCEEDED = content_pb2.TOOL_CALL_STATUS_SUCCEEDED
_FAILED = content_pb2.TOOL_CALL_STATUS_FAILED
_DENIED = content_pb2.TOOL_CALL_STATUS_DENIED


class Told:
    """Hears of a run, and says it. `step` is the agent at work: each has a step of its own until it hands over.

    `cut_off` is why the model stopped before its answer was whole, in the API's own word.
    """

    def __init__(self, so_far: state_pb2.JobState) -> None:
        self.saying = Saying(so_far, kept=())
        self.step = ""
        self.cut_off = ""
        self._agent = ""
        self._agents = 0
        self._turn = 0
        self._in_turn = False
        self._items: dict[int, str] = {}
        """Ids of this turn's items and calls, by their places in the model's output."""
        self._said: set[str] = set()
        self._refused = False
        self._denied: set[str] = set()
        self._waiting: list[Mapping[str, Any]] = []
        self._usage: defaultdict[tuple[str, str], content_pb2.Usage] = defaultdict(content_pb2.Usage)

    @property
    def finish_reason(self) -> job_pb2.FinishReason.ValueType:
        """Why the answer is over, if the run has ended well."""
        return job_pb2.FINISH_REASON_REFUSAL if self._refused else job_pb2.FINISH_REASON_STOP

    def hear(self, event: StreamEvent) -> None:
        """Take what the run tells."""
        if event.type == "raw_response_event":
            self._hear_model(event.data)
        elif event.type == "run_item_stream_event":
            self._hear_tool(event.name, event.item)
        else:
            self._at_work(event.new_agent.name)

    def again(self, item: ToolApprovalItem, *, denied: bool = False) -> None:
        """Tell of a call that waits for people, in the step of the agent at work, unless it is told of in this job."""
        call_id = item.call_id or ""
        if denied:
            self._denied.add(call_id)
        call = {"type": "function_call", "call_id": call_id, "name": item.name, "arguments": item.arguments}
        if self.step:
            self._call(call)
        else:
            self._waiting.append(call)

    def _at_work(self, agent: str) -> None:
        if agent == self._agent and self.step:
            return
        kind, title = ("handoff", f"{self._agent} → {agent}") if self.step else ("agent", agent)
        self.saying.step_ended(self.step)
        self._agents += 1
        self.step, self._agent = f"agent-{self._agents}", agent
        self.saying.step(self.step, kind, title, agent=agent)
        for call in self._waiting:
            self._call(call)
        self._waiting = []

    def _hear_model(self, event: TResponseStreamEvent) -> None:
        kind, heard = event.type.removeprefix("response."), calls.plain(event)
        if kind == "created" or not self._in_turn:
            self._turn += 1
            self._in_turn, self._refused = True, False
            self._items, self._said = {}, set()
        place = heard.get("output_index", 0)
        match kind:
            case "output_item.added":
                self._items[place] = calls.id_of(heard["item"])
                self._begun(heard["item"])
            case "output_item.done":
                self._whole(place, heard["item"])
            case "output_text.delta":
                self._text(place, heard["content_index"], heard["delta"])
            case "refusal.delta":
                self._text(place, heard["content_index"], heard["delta"], refusal=True)
            case "reasoning_text.delta":
                self._reason(place, heard["content_index"], heard["delta"], summary=False)
            case "reasoning_summary_text.delta":
                self._reason(place, heard["summary_index"], heard["delta"], summary=True)
            case "function_call_arguments.delta" | "mcp_call_arguments.delta":
                self.saying.argue(self._items.get(place, ""), heard["delta"])
            case "completed" | "incomplete" | "failed":
                self._turn_over(heard["response"])

    def _begun(self, item: Mapping[str, Any]) -> None:
        kind = item["type"]
        if kind in calls.OWN or kind in calls.HOSTED:
            runner = content_pb2.TOOL_RUNNER_UPSTREAM if kind in calls.HOSTED else content_pb2.TOOL_RUNNER_PRODUCER
            self.saying.call(calls.id_of(item), calls.name_of(item), self.step, runner)

    def _whole(self, place: int, item: Mapping[str, Any]) -> None:
        """Say what was not said of an item piece by piece."""
        kind = item["type"]
        if kind == "message":
            self._message(place, item)
        elif kind == "reasoning":
            for number, piece in enumerate(item.get("summary") or []):
                self._reason(place, number, piece.get("text"), summary=True, whole=True)
            for number, piece in enumerate(item.get("content") or []):
                self._reason(place, number, piece.get("text"), summary=False, whole=True)
        elif kind in calls.OWN:
            self._call(item)
        elif kind in calls.HOSTED:
            self._call(item)
            status = _FAILED if calls.failed(item) else _SUCCEEDED
            self.saying.update(calls.id_of(item), status, *calls.results_of(item))
        elif kind == "image_generation_call":
            media_type = f"image/{item.get('output_format') or 'png'}"
            self.saying.file(files.encoded(item.get("result") or "", media_type), self.step)
        elif kind not in calls.SILENT:
            self.saying.data(f"openai_agents.{kind}", calls.json_of(item), self.step)

    def _message(self, place: int, item: Mapping[str, Any]) -> None:
        for number, piece in enumerate(item.get("content") or []):
            refusal = piece.get("type") == "refusal"
            self._text(place, number, piece.get("refusal" if refusal else "text"), refusal=refusal, whole=True)
            key = self._key("text", place, number)
            for source in piece.get("annotations") or []:
                self.saying.cite(key, citation_of(source))
            self.saying.close(key)

    def _call(self, item: Mapping[str, Any]) -> None:
        self._begun(item)
        call_id = calls.id_of(item)
        if not self.saying.arguments_of(call_id):
            self.saying.argue(call_id, calls.arguments_of(item))
        self.saying.update(call_id, _READY)

    def _text(self, place: int, number: int, text: str, *, refusal: bool = False, whole: bool = False) -> None:
        self._refused |= refusal
        if (key := self._new(whole, "text", place, number)) is not None:
            self.saying.text(key, text, self.step, refusal=refusal)

    def _reason(self, place: int, number: int, text: str, *, summary: bool, whole: bool = False) -> None:
        kind = "summary" if summary else "reasoning"
        if (key := self._new(whole, kind, place, number)) is not None:
            self.saying.reasoning(key, text, self.step, summary=summary)
        if whole:
            self.saying.close(self._key(kind, place, number))

    def _new(self, whole: bool, *place: object) -> str | None:
        """Return the key of a part; None for a whole one of which pieces were said."""
        key = self._key(*place)
        if whole and key in self._said:
            return None
        self._said.add(key)
        return key

    def _key(self, *place: object) -> str:
        return " ".join(map(str, (self._turn, *place)))

    def _turn_over(self, response: Mapping[str, Any]) -> None:
        self._in_turn = False
        self.cut_off = (response.get("incomplete_details") or {}).get("reason", "")
        # A model that does not stream tells all at its end.
        if not self._said and not self._items:
            for place, item in enumerate(response.get("output") or []):
                self._whole(place, item)
        if usage := response.get("usage"):
            model = response.get("model") or ""
            self.saying.usage(_add(self._usage[self.step, model], usage), model, self.step)

    def _hear_tool(self, name: str, item: RunItem) -> None:
        given = calls.plain(item.raw_item)
        call_id = calls.id_of(given)
        if name in ("tool_called", "handoff_requested"):
            if not _may_wait(item, calls.name_of(given)):
                self.saying.update(call_id, _RUNNING)
        elif name in ("tool_output", "handoff_occured"):
            # An agent that is a tool, and whose own calls waited for people, answers in the next job.
            origin = getattr(item, "tool_origin", None)
            if origin is not None and origin.agent_tool_name:
                self.saying.call(call_id, origin.agent_tool_name, self.step)
            status = _FAILED if calls.failed(given) else _SUCCEEDED
            status = _DENIED if call_id in self._denied else status
            self.saying.update(call_id, status, *calls.results_of(given))


def _may_wait(item: RunItem, name: str) -> bool:
    """Return whether a call may wait for people before it runs."""
    tools = (tool for tool in item.agent.tools if tool.name == name)
    return any(getattr(tool, "needs_approval", False) for tool in tools)


def _add(total: content_pb2.Usage, usage: Mapping[str, Any]) -> content_pb2.Usage:
    taken, given = usage.get("input_tokens_details") or {}, usage.get("output_tokens_details") or {}
    total.input_tokens += usage.get("input_tokens") or 0
    total.output_tokens += usage.get("output_tokens") or 0
    total.reasoning_tokens += given.get("reasoning_tokens") or 0
    total.cached_input_tokens += taken.get("cached_tokens") or 0
    total.cache_write_input_tokens += taken.get("cache_write_tokens") or 0
    return total
