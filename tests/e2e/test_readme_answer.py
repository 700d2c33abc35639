"""The README's block for people in the loop, run as it stands but for the job's id."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.support.commands import STREAMSVC, run
from tests.support.events import answer
from tests.support.service import Service, client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

README = Path(__file__).resolve().parents[2] / "README.md"


async def test_the_block_that_asks_people_is_answered() -> None:
    blocks: list[str] = re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    (block,) = [block for block in blocks if "streamsvc answer" in block]
    start, show, reply = (shlex.split(line, comments=True)[1:] for line in block.splitlines())
    async with await Service.start() as service, client_of(service.address) as client:
        environment = {"STREAMSVC_TARGET": service.address}
        asked = await run(STREAMSVC, *start, environment=environment)
        assert asked.code == 3
        job_id = asked.err.split()[1]
        show, reply = ([word.replace("JOB_ID", job_id) for word in words] for words in (show, reply))
        shown = await run(STREAMSVC, *show, environment=environment)
        assert shown.out.startswith("1. May the letter to Ada be sent?")
        answered = await run(STREAMSVC, *reply, "--detach", environment=environment)
        assert answered.code == 0, answered.err
        async for _ in client.stream(answered.out.strip()):
            pass
        assert answer(await client.state(answered.out.strip())).startswith('You said "the old garden". ')
