"""Answers that adapters make of a framework's runs: gathered, folded, and written as lines that hold all of a state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any, cast

from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2
from tests.support.folding import folded

Answering = Callable[[state_pb2.JobState], AsyncIterator[event_pb2.Event]]

APPROVE = content_pb2.INPUT_DECISION_APPROVE
REJECT = content_pb2.INPUT_DECISION_REJECT
EDIT = content_pb2.INPUT_DECISION_EDIT
RESPOND = content_pb2.INPUT_DECISION_RESPOND


def begun(job_id: str = "one") -> state_pb2.JobState:
    """Return the state of a job of which nothing is said yet."""
    return state_pb2.JobState(job=job_pb2.Job(id=job_id))


def answered(previous: str, *answers: content_pb2.InputAnswer, job_id: str = "two") -> state_pb2.JobState:
    """Return the state of a job that was started with answers to the questions of `previous`."""
    job = job_pb2.Job(id=job_id, previous_job_id=previous)
    return state_pb2.JobState(job=job, answers=answers)


def decided(request: str, decision: content_pb2.InputDecision.ValueType, **more: str) -> content_pb2.InputAnswer:
    """Return an answer to a question."""
    return content_pb2.InputAnswer(input_request_id=request, decision=decision, **more)


async def events_of(
    answering: Answering, so_far: state_pb2.JobState | None = None, most: int | None = None
) -> list[event_pb2.Event]:
    """Return what an answer says; the first `most` events, as of a process that is killed then."""
    said: list[event_pb2.Event] = []
    async with aclosing(cast(Any, answering(so_far or begun()))) as events:
        async for event in events:
            said.append(event)
            if len(said) == most:
                break
    return said


async def told(answering: Answering, so_far: state_pb2.JobState | None = None) -> list[str]:
    """Return the state after an answer, as lines."""
    so_far = so_far or begun()
    return lines(folded(await events_of(answering, so_far), so_far))


def lines(state: state_pb2.JobState) -> list[str]:
    """Return a line for each step, part, count, question, custom event and the end."""
    return [
        *(_step(step) for step in state.steps),
        *(_part(part) for part in state.parts),
        *(_usage(entry) for entry in state.usage_entries),
        *(_question(request) for request in state.input_requests),
        *(f"custom {custom.name} {custom.key} {custom.json}" for custom in state.custom),
        _end(state.job),
    ]


def _step(step: content_pb2.RunStep) -> str:
    status = content_pb2.RunStepStatus.Name(step.status).removeprefix("RUN_STEP_STATUS_").lower()
    return " ".join(filter(None, ("step", step.id, step.type, step.title, f"({step.agent_name})", status)))


def _part(part: content_pb2.ContentPart) -> str:
    left_open = "" if part.completed else "open"
    return " ".join(filter(None, (part.step_id, _kind(part), left_open)))


def _kind(part: content_pb2.ContentPart) -> str:
    if part.HasField("text"):
        cited = [f"[{cited.url or cited.source_id}]" for cited in part.text.citations]
        return " ".join(("refusal" if part.text.refusal else "text", repr(part.text.text), *cited))
    if part.HasField("reasoning"):
        return f"{'summary' if part.reasoning.summary else 'reasoning'} {part.reasoning.text!r}"
    if part.HasField("file"):
        return f"file {_file(part.file)}"
    if part.HasField("data"):
        return f"data {part.data.name} {part.data.json}"
    call = part.tool_call
    status = content_pb2.ToolCallStatus.Name(call.status).removeprefix("TOOL_CALL_STATUS_").lower()
    upstream = "upstream" if call.runner == content_pb2.TOOL_RUNNER_UPSTREAM else ""
    gave = _results(call.results)
    return " ".join(filter(None, ("call", upstream, call.call_id, f"{call.name}({call.arguments_json})", status, gave)))


def _results(results: Sequence[content_pb2.ToolResultPart]) -> str:
    given = (_file(each.file) if each.HasField("file") else each.json or repr(each.text) for each in results)
    return ", ".join(given)


def _file(file: content_pb2.FilePart) -> str:
    where = file.url or file.file_id or (repr(file.data) if file.HasField("data") else "nowhere")
    return " ".join(filter(None, (f"<{file.media_type}", file.name, f"{where}>")))


def _usage(entry: content_pb2.UsageEntry) -> str:
    usage = entry.usage
    cached = f" ({usage.cached_input_tokens} cached)" if usage.cached_input_tokens else ""
    return f"usage {entry.step_id} {entry.model} {usage.input_tokens}{cached}/{usage.output_tokens}"


def _question(request: content_pb2.InputRequest) -> str:
    decisions = "|".join(content_pb2.InputDecision.Name(each)[len("INPUT_DECISION_") :] for each in request.decisions)
    about = f"about {request.part_index}" if request.HasField("part_index") else ""
    return " ".join(filter(None, ("question", request.id, request.type, about, request.message, decisions)))


def _end(job: job_pb2.Job) -> str:
    if job.status == job_pb2.JOB_STATUS_FAILED:
        retryable = " (retryable)" if job.error.retryable else ""
        return f"failed {job.error.reason}{retryable}: {job.error.message}"
    if job.status == job_pb2.JOB_STATUS_CANCELLED:
        return "cancelled"
    if job.status == job_pb2.JOB_STATUS_COMPLETED:
        return job_pb2.FinishReason.Name(job.finish_reason).removeprefix("FINISH_REASON_").lower()
    return "goes on"


def conversation() -> list[content_pb2.ChatMessage]:
    """Return messages of everybody, with files and a call."""
    called = content_pb2.ToolCallPart(call_id="c1", name="weather", arguments_json='{"city":"Rome"}')
    called.results.add().text = "sunny"
    image = content_pb2.FilePart(data=b"png", media_type="image/png")
    document = content_pb2.FilePart(url="http://example.com/a.pdf", media_type="application/pdf", name="a.pdf")
    kept = content_pb2.FilePart(file_id="f1", media_type="image/png")
    thought = content_pb2.ReasoningPart(text="hm")
    return [
        _message(content_pb2.ROLE_SYSTEM, content_pb2.ContentPart(text=content_pb2.TextPart(text="Be brief."))),
        _message(content_pb2.ROLE_USER, content_pb2.ContentPart(text=content_pb2.TextPart(text="How is Rome?"))),
        _message(
            content_pb2.ROLE_ASSISTANT,
            content_pb2.ContentPart(reasoning=thought),
            content_pb2.ContentPart(text=content_pb2.TextPart(text="Let me see.")),
            content_pb2.ContentPart(tool_call=called),
            content_pb2.ContentPart(text=content_pb2.TextPart(text="It is sunny.")),
        ),
        _message(
            content_pb2.ROLE_USER,
            content_pb2.ContentPart(text=content_pb2.TextPart(text="And here?")),
            content_pb2.ContentPart(file=image),
            content_pb2.ContentPart(file=document),
            content_pb2.ContentPart(file=kept),
        ),
    ]


def _message(role: content_pb2.Role.ValueType, *parts: content_pb2.ContentPart) -> content_pb2.ChatMessage:
    return content_pb2.ChatMessage(role=role, parts=parts)
