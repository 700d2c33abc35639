"""The workers of graphs as processes of their own, to be killed and started again."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from tests.support.outside_process import ROOT, Outside, python

EXAMPLE = ROOT / "examples" / "langgraph-agent"


def worker(*words: str, **environment: str) -> AbstractAsyncContextManager[Outside]:
    """Run Python with these words, beside the example's own modules."""
    return python(*words, environment={"PYTHONPATH": f"{ROOT}:{EXAMPLE}", **environment})
