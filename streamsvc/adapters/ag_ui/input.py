"""What AG-UI clients and agents are given: messages, tools, and answers of people, both ways."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ag_ui import core

from streamsvc.adapters.ag_ui import messages as as_messages
from streamsvc.adapters.files import encoded
from streamsvc.v1 import content_pb2, job_service_pb2

_APPROVE, _REJECT = content_pb2.INPUT_DECISION_APPROVE, content_pb2.INPUT_DECISION_REJECT
_EDIT, _RESPOND = content_pb2.INPUT_DECISION_EDIT, content_pb2.INPUT_DECISION_RESPOND
_ROLES = {
    "system": content_pb2.ROLE_SYSTEM,
    "developer": content_pb2.ROLE_SYSTEM,
    "user": content_pb2.ROLE_USER,
    "assistant": content_pb2.ROLE_ASSISTANT,
    "reasoning": content_pb2.ROLE_ASSISTANT,
}


def request_of(run: core.RunAgentInput) -> job_service_pb2.StartGenerationRequest:
    """Return the request that starts the job of a run. The same run asked for again is the same job.

    A run that answers interrupts goes on with the job that they name, and needs no messages.
    """
    request = job_service_pb2.StartGenerationRequest(request_id=run.run_id, conversation_id=run.thread_id)
    for tool in run.tools or ():
        parameters = json.dumps(tool.parameters) if tool.parameters is not None else ""
        request.tools.add(name=tool.name, description=tool.description, parameters_json=parameters)
    if not run.resume:
        request.messages.extend(chat_of(run.messages))
    for entry in run.resume or ():
        request.previous_job_id, _, asked = entry.interrupt_id.partition(":")
        request.answers.append(_answer(asked, entry))
    return request


def run_of(
    thread_id: str,
    run_id: str,
    messages: Sequence[content_pb2.ChatMessage],
    answers: Sequence[content_pb2.InputAnswer] = (),
    tools: Iterable[job_service_pb2.Tool] = (),
) -> core.RunAgentInput:
    """Return what an agent is given for a job: its messages, or the answers of people to what the agent has asked."""
    return core.RunAgentInput(
        thread_id=thread_id,
        run_id=run_id,
        protocol_version=core.PROTOCOL_VERSION,
        messages=[message for place, chat in enumerate(messages) for message in _told(f"{run_id}-{place}", chat)],
        tools=[
            core.Tool(
                name=tool.name, description=tool.description, parameters=as_messages.json_of(tool.parameters_json)
            )
            for tool in tools
        ],
        context=[],
        state={},
        forwarded_props={},
        resume=[_entry(answer) for answer in answers] or None,
    )


def chat_of(messages: Sequence[core.Message]) -> list[content_pb2.ChatMessage]:
    """Return a conversation as messages of a request, what an agent said in one go as one of them.

    Activities are left out: they are not for models.
    """
    chat: list[content_pb2.ChatMessage] = []
    calls: dict[str, content_pb2.ToolCallPart] = {}
    for message in messages:
        if isinstance(message, core.ToolMessage):
            if call := calls.get(message.tool_call_id):
                call.results.extend(results_of(message.content))
                failed = content_pb2.TOOL_CALL_STATUS_FAILED
                call.status = failed if message.error else content_pb2.TOOL_CALL_STATUS_SUCCEEDED
        elif role := _ROLES.get(message.role):
            if not chat or role != content_pb2.ROLE_ASSISTANT or chat[-1].role != role:
                chat.append(content_pb2.ChatMessage(id=message.id, role=role))
            said = chat[-1]
            said.parts.extend(_parts(message))
            calls.update({part.tool_call.call_id: part.tool_call for part in said.parts if part.HasField("tool_call")})
    return chat


def results_of(content: str | list[core.ContentPart]) -> list[content_pb2.ToolResultPart]:
    """Return what a tool gave."""
    if isinstance(content, str):
        return [content_pb2.ToolResultPart(text=content)]
    return [
        content_pb2.ToolResultPart(text=part.text)
        if isinstance(part, core.TextPart)
        else content_pb2.ToolResultPart(file=_file(part))
        for part in content
    ]


def _parts(message: Any) -> Iterable[content_pb2.ContentPart]:
    upstream = json.dumps({"encryptedValue": message.encrypted_value}) if message.encrypted_value else ""
    if message.role == "reasoning":
        reasoning = content_pb2.ReasoningPart(text=message.content)
        yield content_pb2.ContentPart(reasoning=reasoning, completed=True, upstream_json=upstream)
        return
    content = [core.TextPart(text=message.content)] if isinstance(message.content, str) else message.content or ()
    for part in content:
        if isinstance(part, core.TextPart):
            text = content_pb2.TextPart(text=part.text)
            yield content_pb2.ContentPart(text=text, completed=True, upstream_json=upstream)
        else:
            yield content_pb2.ContentPart(file=_file(part), completed=True)
    for call in getattr(message, "tool_calls", None) or ():
        called = content_pb2.ToolCallPart(
            call_id=call.id,
            name=call.function.name,
            arguments_json=call.function.arguments,
            status=content_pb2.TOOL_CALL_STATUS_READY,
        )
        sealed = json.dumps({"encryptedValue": call.encrypted_value}) if call.encrypted_value else ""
        yield content_pb2.ContentPart(tool_call=called, completed=True, upstream_json=sealed)


def _file(part: Any) -> content_pb2.FilePart:
    source = part.source
    media_type = source.mime_type or ""
    if isinstance(source, core.DataSource):
        return encoded(source.value, media_type)
    if isinstance(source, core.UrlSource):
        return content_pb2.FilePart(url=source.value, media_type=media_type)
    return content_pb2.FilePart(file_id=source.value, media_type=media_type)


def _told(message_id: str, chat: content_pb2.ChatMessage) -> list[core.Message]:
    text = "\n\n".join(part.text.text for part in chat.parts if part.HasField("text"))
    own = chat.id or message_id
    if chat.role == content_pb2.ROLE_ASSISTANT:
        return [message for part in as_messages.indexed(chat.parts) for message in as_messages.of_part(own, part)]
    if chat.role == content_pb2.ROLE_SYSTEM:
        return [core.SystemMessage(id=own, content=text)]
    if not any(part.HasField("file") for part in chat.parts):
        return [core.UserMessage(id=own, content=text)]
    return [
        core.UserMessage(id=own, content=[content for part in chat.parts for content in as_messages.contents(part)])
    ]


def _answer(asked: str, entry: core.ResumeEntry) -> content_pb2.InputAnswer:
    """Return what people decided: AG-UI's approvals say `approved`, and `editedArgs` if the arguments were changed."""
    answer = content_pb2.InputAnswer(input_request_id=asked, decision=_RESPOND)
    payload = entry.payload
    if entry.status == "cancelled":
        answer.decision = _REJECT
    elif not isinstance(payload, dict) or not isinstance(payload.get("approved"), bool):
        answer.json = json.dumps(payload)
    else:
        answer.comment = str(payload.get("reason") or "")
        answer.decision = _APPROVE if payload["approved"] else _REJECT
        if payload["approved"] and payload.get("editedArgs") is not None:
            answer.decision = _EDIT
            answer.json = json.dumps(payload["editedArgs"])
    return answer


def _entry(answer: content_pb2.InputAnswer) -> core.ResumeEntry:
    payload: Any = {"approved": answer.decision in (_APPROVE, _EDIT)}
    if answer.decision == _RESPOND:
        payload = as_messages.json_of(answer.json)
    elif answer.decision == _EDIT:
        payload["editedArgs"] = as_messages.json_of(answer.json)
    elif answer.comment:
        payload["reason"] = answer.comment
    return core.ResumeEntry(interrupt_id=answer.input_request_id, status="resolved", payload=payload)
