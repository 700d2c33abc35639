"""Generates gen/ from protos/, or with --check tells whether it is up to date."""

from __future__ import annotations

import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GEN = ROOT / "gen"


def generate(into: Path) -> None:
    """Run protoc for all protos; stubs of services only where there are services."""
    protos = sorted(str(path.relative_to(ROOT / "protos")) for path in (ROOT / "protos").rglob("*.proto"))
    services = [name for name in protos if name.endswith("_service.proto")]
    _protoc(protos, [f"--python_out={into}", f"--mypy_out=quiet:{into}"])
    _protoc(services, [f"--grpc_python_out={into}", f"--mypy_grpc_out=quiet:{into}"])


def _protoc(protos: list[str], outputs: list[str]) -> None:
    bin_folder = Path(sys.executable).parent
    plugins = [f"--plugin={name}={bin_folder / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", str(ROOT / "protos"), *plugins, *outputs, *protos]
    subprocess.run(command, check=True)


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.py*") if "__pycache__" not in path.parts}


def check() -> int:
    """Return 0 if gen/ is what protos/ give, else 1."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh, kept = _files(Path(folder)), _files(GEN)
        _, differ, missing = filecmp.cmpfiles(folder, GEN, sorted(fresh), shallow=False)
        stale = sorted({*differ, *missing, *(kept - fresh)})
    if stale:
        print(f"gen/ is not what protos/ give: {', '.join(stale)}; run `make gen`")
        return 1
    return 0


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(check())
    generate(GEN)
