"""The README's block for answers that are made elsewhere, run as it stands but for the address."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.support.commands import run
from tests.support.events import answer
from tests.support.service import Service, client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

README = Path(__file__).resolve().parents[2] / "README.md"


async def test_the_block_that_publishes_makes_a_job() -> None:
    blocks: list[str] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (block,) = [block for block in blocks if "publish(" in block]
    async with await Service.start() as service, client_of(service.address) as client:
        ran = await run(sys.executable, "-c", block.replace("127.0.0.1:50052", service.internal_address))
        assert ran.code == 0, ran.err
        state = await client.state(ran.out.split()[0])
        assert answer(state) == "You asked: Why is the sky blue? "
        assert state.job.conversation_id == "c1"
