"""Writes the states of tests/golden/upstreams anew: `python -m tests.golden.make_upstreams`; read the difference."""

from __future__ import annotations

import asyncio
import json

from tests.support.told_streams import cases, play, read


async def main() -> None:
    """Play every case and write down what became of it."""
    for path in cases():
        case = read(path)
        case["state"] = await play(case, path.parent.name)
        path.write_text(text_of(case))


def text_of(case: dict[str, object]) -> str:
    """Return a case as its file has it: an event of the stream a line."""
    head = {name: value for name, value in case.items() if name not in ("stream", "state")}
    stream = case["stream"]
    assert isinstance(stream, list)
    lines = ",\n    ".join(json.dumps(item, ensure_ascii=False) for item in stream)
    fields = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    state = json.dumps(case["state"], indent=2, ensure_ascii=False).replace("\n", "\n  ")
    return "{\n" + ",\n".join([*fields, f'  "stream": [\n    {lines}\n  ]', f'  "state": {state}']) + "\n}\n"


if __name__ == "__main__":
    asyncio.run(main())
