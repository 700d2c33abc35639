"""Generates gen/ and web/src/gen/ from protos/, or with --check tells whether they are up to date."""

from __future__ import annotations

import filecmp
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GEN = ROOT / "gen"
WEB = ROOT / "web"
WEB_GEN = WEB / "src" / "gen"

_ERROR_DETAILS = "google/rpc/error_details.proto"
_NOT_FOR_BROWSERS = "streamsvc/v1/producer_service.proto"


def generate_python(into: Path) -> None:
    """Run protoc for all protos; stubs of services only where there are services."""
    protos = _protos()
    services = [name for name in protos if name.endswith("_service.proto")]
    bin_folder = Path(sys.executable).parent
    plugins = [f"--plugin={name}={bin_folder / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    source = ["-I", str(ROOT / "protos"), *plugins]
    protoc([*source, f"--python_out={into}", f"--mypy_out=quiet:{into}", *protos])
    protoc([*source, f"--grpc_python_out={into}", f"--mypy_grpc_out=quiet:{into}", *services])


def generate_typescript(into: Path) -> None:
    """Run protoc for what browsers speak, and for the details of gRPC's errors."""
    plugin = WEB / "node_modules" / ".bin" / "protoc-gen-es"
    output = [f"--plugin={plugin}", f"--es_out={into}", "--es_opt=target=ts,import_extension=js"]
    protoc(["-I", str(ROOT / "protos"), *output, *(name for name in _protos() if name != _NOT_FOR_BROWSERS)])
    with tempfile.TemporaryDirectory() as folder:
        # By way of a descriptor: it carries no comments, which are not ours to copy.
        descriptor = Path(folder) / "error_details.binpb"
        protoc(["-I", site_packages(), "--include_imports", f"--descriptor_set_out={descriptor}", _ERROR_DETAILS])
        protoc([f"--descriptor_set_in={descriptor}", *output, _ERROR_DETAILS])


OUTPUTS: dict[Path, Callable[[Path], None]] = {GEN: generate_python, WEB_GEN: generate_typescript}


def _protos() -> list[str]:
    return sorted(str(path.relative_to(ROOT / "protos")) for path in (ROOT / "protos").rglob("*.proto"))


def site_packages() -> str:
    """Return the folder that google/rpc/*.proto are in."""
    found = importlib.util.find_spec("google.rpc.error_details_pb2")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parents[2])


def protoc(arguments: list[str]) -> None:
    """Run protoc. Raises CalledProcessError."""
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *arguments], check=True)


def _files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if "__pycache__" not in path.parts}


def check() -> int:
    """Return 0 if what is generated is what protos/ give, else 1."""
    stale = []
    for kept_in, generate in OUTPUTS.items():
        with tempfile.TemporaryDirectory() as folder:
            generate(Path(folder))
            fresh, kept = _files(Path(folder)), _files(kept_in)
            _, differ, missing = filecmp.cmpfiles(folder, kept_in, sorted(fresh), shallow=False)
        stale += [str(kept_in.relative_to(ROOT) / name) for name in sorted({*differ, *missing, *(kept - fresh)})]
    if stale:
        print(f"not what protos/ give: {', '.join(stale)}; run `make gen`")
        return 1
    return 0


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(check())
    for into, generate in OUTPUTS.items():
        into.mkdir(parents=True, exist_ok=True)
        generate(into)
