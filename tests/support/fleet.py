"""Several instances of the service on one Redis: processes that can be killed, frozen, stopped and started again.

    async with fleet(*3 * [redis.uri]) as (a, b, c), client_of(b.address, c.address) as client:
        await a.kill()
        ...
        await a.start()

Redis itself comes from tests.support.redis_servers, a proxy before it or before an instance from tests.support.proxy:
`fleet(redis.uri, f"redis://{proxy.address}")`.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count

from tests.support.redis_process import HOST, free_port
from tests.support.service import Service

SHORT = {"lease_ttl": "1500ms", "reaper_interval": "300ms", "poll_interval": "300ms", "heartbeat_interval": "1s"}
"""Settings under which nothing takes long, and an instance that waits for its turn on a busy machine is not dead."""

LAST_WORDS = 3000
"""How many characters of an instance's log a failure shows."""

MOST_BUGS = 3

_numbers = count(1)


class Instance:
    """One instance: `address` and settings stay the same, however often its process ends and is started again.

    `prefix` is how the keys and channels of its fleet begin in Redis.
    """

    def __init__(self, settings: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self.address = f"{HOST}:{free_port()}"
        self.internal_address = f"{HOST}:{free_port()}"
        self.prefix = settings["redis_key_prefix"]
        self._settings = settings
        self._environment = environment
        self._runs: list[Service] = []

    @property
    def service(self) -> Service:
        """The process that was started last."""
        return self._runs[-1]

    @property
    def pid(self) -> int:
        """The id of that process."""
        return self.service.pid

    @property
    def log(self) -> str:
        """All that its processes wrote to standard error."""
        return "\n".join(run.text for run in self._runs)

    @property
    def bugs(self) -> str:
        """What its log has of things that nobody expected, each with the lines around it; the first ones."""
        lines = self.log.splitlines()
        places = [place for place, line in enumerate(lines) if "Traceback" in line or "incident" in line]
        return "\n".join(line for place in places[:MOST_BUGS] for line in lines[max(0, place - 2) : place + 30])

    async def start(self) -> None:
        """Start it, on the port it had before, and wait until it is healthy."""
        self._runs.append(
            await Service.start(
                self._settings,
                listen=self.address,
                internal_listen=self.internal_address,
                environment=self._environment,
            ),
        )

    async def kill(self) -> None:
        """End it at once (SIGKILL), in whatever state it is. Nothing happens if it has ended."""
        if self._runs:
            await self.service.kill()

    async def terminate(self) -> int:
        """Ask it to stop (SIGTERM), wait for its end, and return its exit code."""
        return await self.service.stop()

    def freeze(self) -> None:
        """Stop it (SIGSTOP): its connections stay open, and nothing is answered."""
        self.service.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        self.service.signal(signal.SIGCONT)


@asynccontextmanager
async def fleet(
    *stores: str,
    environment: Mapping[str, str] | None = None,
    own: Sequence[Mapping[str, str]] = (),
    **settings: str,
) -> AsyncIterator[Sequence[Instance]]:
    """Run an instance for each of `stores`, the URI by which it reaches the Redis of all, with keys of their own.

    `settings` and `environment` are those of every instance, beside `SHORT`; `own` is what each has in its environment
    beside that, if any has. At the end all are killed; one that met what it did not expect, as its log tells, fails the
    test.
    """
    shared = {**SHORT, "redis_key_prefix": f"fleet-{next(_numbers)}", **settings}
    environments = [{**(environment or {}), **mine} for mine in own or len(stores) * [{}]]
    instances = [Instance({**shared, "store": store}, mine) for store, mine in zip(stores, environments, strict=True)]
    try:
        async with asyncio.TaskGroup() as starting:
            for instance in instances:
                starting.create_task(instance.start())
        yield instances
        for instance in instances:
            assert not instance.bugs, instance.bugs
    except BaseException as failed:
        for instance in instances:
            failed.add_note(f"the instance at {instance.address} said last:\n{instance.log[-LAST_WORDS:]}")
        raise
    finally:
        await asyncio.gather(*[instance.kill() for instance in instances])
