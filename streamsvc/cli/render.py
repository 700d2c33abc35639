"""From a job's state to what a terminal shows of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from streamsvc.cli.errors import failure
from streamsvc.cli.markdown import markdown
from streamsvc.cli.questions import in_short, ways
from streamsvc.cli.terminal import one_line, printable
from streamsvc.v1 import content_pb2, job_pb2, state_pb2

_SHORT = 100
"""How many characters of arguments, results and details are shown."""
_MAX_DEPTH = 8

_TOOL_STATUS = {
    content_pb2.TOOL_CALL_STATUS_WRITING: ("…", "writing", "yellow"),
    content_pb2.TOOL_CALL_STATUS_READY: ("…", "ready", "yellow"),
    content_pb2.TOOL_CALL_STATUS_RUNNING: ("…", "running", "yellow"),
    content_pb2.TOOL_CALL_STATUS_SUCCEEDED: ("✓", "succeeded", "green"),
    content_pb2.TOOL_CALL_STATUS_FAILED: ("✗", "failed", "red"),
    content_pb2.TOOL_CALL_STATUS_DENIED: ("✗", "denied", "red"),
}
_STEP_STATUS = {
    content_pb2.RUN_STEP_STATUS_RUNNING: ("…", "running", "yellow"),
    content_pb2.RUN_STEP_STATUS_SUCCEEDED: ("✓", "succeeded", "green"),
    content_pb2.RUN_STEP_STATUS_FAILED: ("✗", "failed", "red"),
    content_pb2.RUN_STEP_STATUS_CANCELLED: ("✗", "cancelled", "red"),
}
_UNKNOWN = ("…", "going on", "yellow")


def answer(state: state_pb2.JobState) -> RenderableType:
    """Return the answer with all that happened on the way to it, in order."""
    return Group(*_with_gaps(list(_blocks(state))))


def question(state: state_pb2.JobState) -> RenderableType:
    """Return what the job answers, on one line: what people wrote, or what they said to the questions before it."""
    texts = [part.text.text for message in state.input for part in message.parts if part.text.text]
    texts = texts or ["; ".join(map(in_short, state.answers))] * bool(state.answers)
    return Text(f"> {one_line(texts[-1], _SHORT)}", style="dim") if texts else Text()


def _blocks(state: state_pb2.JobState) -> Iterator[tuple[str, RenderableType]]:
    """Yield blocks, each with its kind: blocks of one kind of line stand together."""
    if title := one_line(state.job.metadata.get("title", ""), _SHORT):
        yield "title", Text(title, style="bold")
    steps = {step.id: step for step in state.steps}
    step_id = ""
    for part in state.parts:
        if part.step_id != step_id:
            step_id = part.step_id
            if step_id in steps:
                yield "step", _step(steps[step_id], 0)
        yield from _part(part)
    shown = {part.step_id for part in state.parts}
    for step in state.steps:
        if step.id not in shown:
            yield "step", _step(step, _depth(step, steps))
    for error in state.errors:
        yield "error", Text(f"! {one_line(failure(error))}", style="yellow")
    for request in state.input_requests:
        asked = one_line(request.message or request.type)
        yield "input", Text.assemble((f"? {asked}", "bold yellow"), (f"  {ways(request)}", "dim"))
    if state.job.status == job_pb2.JOB_STATUS_FAILED:
        yield "failed", Text(f"✗ failed: {printable(failure(state.job.error))}", style="red")


def _part(part: content_pb2.ContentPart) -> Iterator[tuple[str, RenderableType]]:
    match part.WhichOneof("kind"):
        case "text":
            if part.text.text:
                yield (
                    "text",
                    Text(printable(part.text.text), "yellow") if part.text.refusal else markdown(part.text.text),
                )
            if part.text.citations:
                yield "sources", _sources(part.text.citations)
        case "reasoning":
            yield "reasoning", _reasoning(part.reasoning)
        case "tool_call":
            yield "tool_call", _tool_call(part.tool_call)
        case "file":
            file = part.file
            where = file.url or file.file_id or (f"{len(file.data)} bytes" if file.data else "")
            yield "file", Text(one_line(f"[{file.name or 'file'}] {file.media_type} {where}"), style="cyan")
        case "data":
            text = f"{one_line(part.data.name)} {one_line(part.data.json, _SHORT)}"
            yield "data", Text(text, style="dim")
        case _:
            yield "unknown", Text("(a part of a kind that this version does not know)", style="dim")


def _reasoning(reasoning: content_pb2.ReasoningPart) -> RenderableType:
    text = printable(reasoning.text).strip() or "(reasoning that is not shown)"
    return Padding(Text(text, style="dim italic"), (0, 0, 0, 2))


def _tool_call(call: content_pb2.ToolCallPart) -> RenderableType:
    mark, status, style = _TOOL_STATUS.get(call.status, _UNKNOWN)
    line = Text.assemble(
        (f"{mark} ", style),
        (one_line(call.title or call.name), "bold"),
        f"({one_line(call.arguments_json, _SHORT)}) ",
        (status, style),
    )
    results = [_result(result) for result in call.results]
    return Group(line, *(Text(f"  → {text}", style="dim") for text in results))


def _result(result: content_pb2.ToolResultPart) -> str:
    if result.WhichOneof("kind") == "file":
        return one_line(f"[{result.file.name or 'file'}] {result.file.media_type} {result.file.url}", _SHORT)
    return one_line(result.text or result.json, _SHORT)


def _sources(citations: Sequence[content_pb2.Citation]) -> RenderableType:
    """Return each source once, however often it is named."""
    lines = dict.fromkeys(_source(citation) for citation in citations)
    return Group(*(Text(f"  [{number}] {line}", style="dim") for number, line in enumerate(lines, 1)))


def _source(citation: content_pb2.Citation) -> str:
    document = citation.document
    place = ""
    if document.unit:
        unit = content_pb2.DocumentUnit.Name(document.unit).removeprefix("DOCUMENT_UNIT_").lower()
        # Units are counted from 0, and by people from 1.
        last = f"-{document.end}" if document.end > document.start + 1 else ""
        place = f"{unit} {document.start + 1}{last}"
    words = (citation.title or document.name or citation.source_id, citation.url, place)
    return one_line("  ".join(word for word in words if word))


def _step(step: content_pb2.RunStep, depth: int) -> RenderableType:
    mark, status, style = _STEP_STATUS.get(step.status, _UNKNOWN)
    name = step.title or step.agent_name or step.type or step.id
    said = failure(step.error) if step.HasField("error") else step.detail_json
    line = Text.assemble(
        "  " * depth, (f"{mark} ", style), (one_line(name, _SHORT), "bold"), " ", (status, style), _took(step)
    )
    return line.append(f"  {one_line(said, _SHORT)}", style="dim") if said else line


def _took(step: content_pb2.RunStep) -> str:
    if not (step.HasField("create_time") and step.HasField("complete_time")):
        return ""
    seconds = (step.complete_time.ToNanoseconds() - step.create_time.ToNanoseconds()) / 1e9
    return f" in {seconds:.1f} s"


def _depth(step: content_pb2.RunStep, steps: dict[str, content_pb2.RunStep]) -> int:
    depth = 0
    # A step may name itself as the one around it: nobody has checked that.
    while depth < _MAX_DEPTH and (outer := steps.get(step.parent_id)) is not None:
        step, depth = outer, depth + 1
    return depth


def _with_gaps(blocks: Sequence[tuple[str, RenderableType]]) -> Iterator[RenderableType]:
    """Yield the blocks with an empty line between them, but not within a list of lines of one kind."""
    lists = ("tool_call", "step", "error", "input")
    before = ""
    for kind, block in blocks:
        if before and not (kind == before and kind in lists) and kind != "sources":
            yield Text()
        yield block
        before = kind
