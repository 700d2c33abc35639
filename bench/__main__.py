"""Runs all benchmarks, prints their tables, and writes them to RESULTS.md."""

from __future__ import annotations

from pathlib import Path

from bench import (
    catch_up,
    fanout,
    first_event,
    latency,
    memory,
    page,
    redis_calls,
    redis_instances,
    redis_store,
    report,
)

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """# Results

Written by `python -m bench`, never by hand. Medians, with the least and the most in brackets. Everything goes over
loopback sockets; the server and its clients are processes of their own and share the machine's cores. The bare server
(`bench/bare.py`: grpc.aio with nothing but bytes and cursors) is measured in the same run, by turns with the service.
Its events cost nothing to make; `bare, events built` is the same server when each event is made and encoded.
[TUNING.md](TUNING.md) compares them with what they were before, and says what was removed.
"""

MODULES = (fanout, latency, first_event, catch_up, memory, redis_store, redis_instances, redis_calls, page)


def main() -> None:
    """Run everything. The short form is printed only: its figures are not for quoting."""
    quick = report.quick_form(__doc__)
    parts = [HEAD, report.machine() + "\n"]
    print(parts[-1])
    for module in MODULES:
        parts.append(f"## {(module.__doc__ or '').rstrip('.')}\n\n    python -m {module.__name__}\n")
        print(parts[-1])
        for table in report.measured(module.bench, quick):
            parts.append(table.markdown())
            print(parts[-1], flush=True)
    if not quick:
        RESULTS.write_text("\n".join(parts))


if __name__ == "__main__":
    main()
