"""`make demo`: a real answer and three readers, one of them cut off twice; nobody misses or repeats a word."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field

from streamsvc.cli.output import answer_text
from streamsvc.client import Client, JobStream
from streamsvc.fold import Fold
from streamsvc.v1 import event_pb2, job_pb2, job_service_pb2, state_pb2
from tools.cutter import Cutter
from tools.processes import NotStarted, free_port
from tools.stack import model, service

PROMPT = "Write a story of three paragraphs about a lighthouse keeper, a whale and a long winter."
MAX_TOKENS = 160
CUT_AT = (20, 70)
JOIN_AT = 45
LIMIT_SECONDS = 180


@dataclass
class Record:
    """What one reader saw."""

    name: str
    offsets: list[int] = field(default_factory=list)
    fold: Fold = field(default_factory=Fold)
    first: int = 1
    reconnects: int = 0

    def add(self, item: event_pb2.Event | state_pb2.JobState) -> None:
        """Take in an event, or the state that replaces all before it."""
        if isinstance(item, state_pb2.JobState):
            self.fold, self.offsets, self.first = Fold(item), [], item.offset + 1
        else:
            self.offsets.append(item.offset)
            self.fold.apply([item])

    @property
    def repeats(self) -> int:
        """How many events came more than once."""
        return len(self.offsets) - len(set(self.offsets))

    @property
    def gaps(self) -> int:
        """How many events between the first and the last one never came."""
        end = max(self.offsets, default=self.first - 1)
        return len(set(range(self.first, end + 1)) - set(self.offsets))

    def line(self) -> str:
        """Return the reader's line of the report."""
        counts = f"events={len(self.offsets)} gaps={self.gaps} repeats={self.repeats} reconnects={self.reconnects}"
        begun = f"  (began with a snapshot at offset {self.first - 1})" if self.first > 1 else ""
        return f"{self.name:28} {counts}{begun}"


async def main() -> int:
    """Run the demo. Returns 0 only if all readers have the same text, which is GetJobState's."""
    print("starting the model (a few seconds) and the service ...", flush=True)
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            async with model() as model_url, service(f"127.0.0.1:{free_port()}", model_url) as address:
                return await _tell(address)
    except (NotStarted, TimeoutError) as failed:
        print(f"the demo did not finish: {failed or f'it took more than {LIMIT_SECONDS} s'}", file=sys.stderr)
        return 1


async def _tell(address: str) -> int:
    cutter = Cutter(address)
    async with cutter.listen() as through, Client(through) as cut_off, Client(address) as direct:
        parameters = job_service_pb2.GenerationParameters(max_tokens=MAX_TOKENS, temperature=0)
        job = await cut_off.start(PROMPT, parameters=parameters)
        print(f"job {job.id} on {address}, model {job.model}\n\n> {PROMPT}\n", flush=True)
        halfway = asyncio.Event()
        late = asyncio.create_task(_join_late(direct, job.id, halfway))
        cut = await _read_cut(cut_off.stream(job.id), cutter, halfway)
        halfway.set()
        records = [cut, await late, await _read("after the end, from 0", direct.stream(job.id))]
        return _report(records, await direct.state(job.id))


async def _read_cut(stream: JobStream, cutter: Cutter, halfway: asyncio.Event) -> Record:
    """Print the answer as it comes, and cut the connection twice on the way."""
    record, deltas = Record("live, cut off twice"), 0
    async with stream:
        async for item in stream:
            record.add(item)
            if isinstance(item, event_pb2.Event) and item.HasField("text_delta"):
                print(item.text_delta.text, end="", flush=True)
                deltas += 1
                if deltas in CUT_AT:
                    print("\033[2m[cut]\033[0m" if sys.stdout.isatty() else "[cut]", end="", flush=True)
                    cutter.cut()
                if deltas == JOIN_AT:
                    halfway.set()
    print("\n")
    record.reconnects = stream.reconnects
    return record


async def _join_late(client: Client, job_id: str, halfway: asyncio.Event) -> Record:
    await halfway.wait()
    return await _read("joined late, snapshot", client.stream(job_id, catch_up=job_service_pb2.CATCH_UP_MODE_SNAPSHOT))


async def _read(name: str, stream: JobStream) -> Record:
    record = Record(name)
    async with stream:
        async for item in stream:
            record.add(item)
    record.reconnects = stream.reconnects
    return record


def _report(records: list[Record], state: state_pb2.JobState) -> int:
    for record in records:
        print(record.line())
    text = answer_text(state)
    faults = [record.name for record in records if record.gaps or record.repeats]
    faults += [record.name for record in records if answer_text(record.fold.state()) != text]
    if state.job.status != job_pb2.JOB_STATUS_COMPLETED or not text:
        faults.append(f"the job, which ended {job_pb2.JobStatus.Name(state.job.status)} {state.job.error.message}")
    if records[0].reconnects < len(CUT_AT):
        faults.append(f"the cuts: {records[0].reconnects} reconnects")
    if faults:
        print(f"\nNOT as promised: {', '.join(faults)}")
        return 1
    print(f"\nall {len(records)} readers have the same {len(text)} characters, and so has GetJobState")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
