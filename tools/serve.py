"""`make serve`: the service with a real local model, in the foreground, to play with."""

from __future__ import annotations

import asyncio
import signal
import sys

from tools.processes import NotStarted
from tools.stack import model, service

LISTEN = "127.0.0.1:50051"


async def main() -> int:
    """Run until Ctrl-C."""
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    print("starting the model (a few seconds) ...", flush=True)
    try:
        async with model() as model_url, service(LISTEN, model_url) as address:
            print(f"model    {model_url}\nservice  {address}\n", flush=True)
            print('try:  .venv/bin/streamsvc start "Why is the sky blue?"\nCtrl-C stops both', flush=True)
            await stopped.wait()
    except (NotStarted, TimeoutError) as failed:
        print(f"not started: {failed or 'it took too long'}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
