"""Runs all benchmarks, prints their tables, and writes them to RESULTS.md."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bench import (
    catch_up,
    fanout,
    first_event,
    latency,
    memory,
    page,
    producers,
    redis_calls,
    redis_instances,
    redis_store,
    report,
    takeover,
)

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """# Results

Written by `python -m bench`, never by hand; each section says when it was measured. Medians, with the least and the
most in brackets. Everything goes over loopback sockets; the server and its clients are processes of their own and share
the machine's cores. The bare server (`bench/bare.py`: grpc.aio with nothing but bytes and cursors) is measured in the
same run, by turns with the service. Its events cost nothing to make; `bare, events built` is the same server when each
event is made and encoded. [TUNING.md](TUNING.md) compares them with what they were before, and says what was removed.
"""

MODULES = (
    fanout,
    latency,
    first_event,
    catch_up,
    memory,
    redis_store,
    redis_instances,
    redis_calls,
    takeover,
    producers,
    page,
)


def main() -> None:
    """Run all or those that are named; the others' sections stay. The short form's figures are not for quoting."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = {module.__name__.removeprefix("bench."): module for module in MODULES}
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to run: {', '.join(names)}; all if left out")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs, printed only")
    given = parser.parse_args()
    if unknown := set(given.names) - names.keys():
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(names)}")
    for name, module in names.items():
        if name in given.names or not given.names:
            section = _section(module, quick=given.quick)
            if not given.quick:
                _write(_title(module), section)


def _section(module: Any, *, quick: bool) -> str:
    parts = [f"{_title(module)}\n\n    python -m {module.__name__}\n", report.machine() + "\n"]
    print(*parts, sep="\n", flush=True)
    for table in report.measured(module.bench, quick):
        parts.append(table.markdown())
        print(parts[-1], flush=True)
    return "\n".join(parts)


def _title(module: Any) -> str:
    return f"## {(module.__doc__ or '').rstrip('.')}"


def _write(title: str, section: str) -> None:
    """Put a section into RESULTS.md, in the place of the one with its title."""
    found = RESULTS.read_text().split("\n## ")[1:] if RESULTS.exists() else []
    sections = {f"## {text.partition(chr(10))[0]}": f"## {text.rstrip()}\n" for text in found}
    sections[title] = section
    order = [_title(module) for module in MODULES]
    RESULTS.write_text("\n".join([HEAD, *(sections[title] for title in order if title in sections)]))


if __name__ == "__main__":
    main()
