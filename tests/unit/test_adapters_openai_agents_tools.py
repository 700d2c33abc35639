"""Tools of other kinds than functions that the OpenAI Agents SDK runs in this process, as calls with results."""

from __future__ import annotations

from typing import Any

import pytest
from agents import (
    Agent,
    ApplyPatchTool,
    CustomTool,
    LocalShellTool,
    ShellTool,
    set_tracing_disabled,
)
from agents.editor import ApplyPatchOperation, ApplyPatchResult
from agents.testing import ScriptedModel, assistant_message
from openai.types.responses import ResponseApplyPatchToolCall, ResponseCustomToolCall, ResponseFunctionShellToolCall
from openai.types.responses.response_apply_patch_tool_call import OperationCreateFile, OperationDeleteFile
from openai.types.responses.response_function_shell_tool_call import Action
from openai.types.responses.response_output_item import LocalShellCall, LocalShellCallAction

from streamsvc.adapters.openai_agents import answer
from tests.support.adapted import told
from tests.support.agents_steps import in_items

set_tracing_disabled(True)


class Editor:
    """Creates files, and deletes none."""

    def create_file(self, operation: ApplyPatchOperation) -> ApplyPatchResult:
        """Say that it is done."""
        return ApplyPatchResult(status="completed", output=f"made {operation.path}")

    def update_file(self, operation: ApplyPatchOperation) -> ApplyPatchResult:
        """Say that it is done."""
        return ApplyPatchResult(status="completed")

    def delete_file(self, operation: ApplyPatchOperation) -> ApplyPatchResult:
        """Say that it is not done."""
        return ApplyPatchResult(status="failed", output=f"{operation.path} stays")


async def run(*_: object) -> str:
    """Give what a program wrote."""
    return "one"


def patch(operation: OperationCreateFile | OperationDeleteFile) -> ResponseApplyPatchToolCall:
    """Return the call of a patch."""
    return ResponseApplyPatchToolCall(
        id="i", call_id="c", type="apply_patch_call", status="completed", operation=operation
    )


@pytest.mark.parametrize(
    ("tool", "call", "line"),
    [
        (
            LocalShellTool(executor=run),
            LocalShellCall(
                id="i",
                call_id="c",
                type="local_shell_call",
                status="completed",
                action=LocalShellCallAction(type="exec", command=["ls"], env={}),
            ),
            """call c local_shell({"command":["ls"],"env":{},"type":"exec"}) succeeded 'one'""",
        ),
        (
            ShellTool(executor=run),
            ResponseFunctionShellToolCall(
                id="i", call_id="c", type="shell_call", status="completed", action=Action(commands=["ls"])
            ),
            """call c shell({"commands":["ls"]}) succeeded"""
            """ [{"stdout":"one","stderr":"","outcome":{"type":"exit","exit_code":0}}]""",
        ),
        (
            ApplyPatchTool(editor=Editor()),
            patch(OperationCreateFile(type="create_file", path="a.txt", diff="+x")),
            """call c apply_patch({"operation":{"diff":"+x","path":"a.txt","type":"create_file"}})"""
            " succeeded 'made a.txt'",
        ),
        (
            ApplyPatchTool(editor=Editor()),
            patch(OperationDeleteFile(type="delete_file", path="a.txt")),
            """call c apply_patch({"operation":{"path":"a.txt","type":"delete_file"}}) failed 'a.txt stays'""",
        ),
        (
            CustomTool(name="sql", description="Ask the database.", on_invoke_tool=run),
            ResponseCustomToolCall(id="i", call_id="c", type="custom_tool_call", name="sql", input="select 1"),
            """call c sql({"input":"select 1"}) succeeded 'one'""",
        ),
    ],
)
async def test_a_tool_that_the_sdk_runs(tool: Any, call: Any, line: str) -> None:
    agent: Agent[Any] = Agent(
        name="ann", model=ScriptedModel([in_items(call), [assistant_message("Done.")]]), tools=[tool]
    )
    assert (await told(answer(agent, "Do it.")))[1:3] == [f"agent-1 {line}", "agent-1 text 'Done.'"]
