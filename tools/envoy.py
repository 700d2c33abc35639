"""Makes Envoy's configuration of envoy/envoy.yaml, and a certificate where there is none: for compose, stack, tests.

python -m tools.envoy --into .cache/envoy --instance 127.0.0.1:50051 --instance 127.0.0.1:50061
envoy --config-path .cache/envoy/envoy.yaml
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

ROOT = Path(__file__).resolve().parent.parent
ENVOY = ROOT / "envoy"

PAGES = ("http://HOST:8080", "https://HOST:8443", "http://HOST:5173")
ORIGINS = tuple(page.replace("HOST", host) for page in PAGES for host in ("localhost", "127.0.0.1"))
"""Where pages come from on the machine of somebody who works on them: this Envoy, and Vite."""

_DAYS = 365
_LAST_SECONDS = 7 * 86400
"""When a certificate is at its end."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What differs between machines.

    `instances` are HOST:PORT each; a name with several addresses stands for all of them. So are `pages`, which serve
    a page at /, what it needs at /assets/, and /models.json. Calls of pages from other `origins` are refused.
    `stream_idle_timeout` is in seconds: twice the longest heartbeat that a reader may ask for, and some more.
    """

    instances: Sequence[str]
    listen: str = "127.0.0.1"
    http_port: int = 8080
    https_port: int = 8443
    admin_port: int = 9901
    origins: Sequence[str] = ORIGINS
    pages: Sequence[str] = ()
    stream_idle_timeout: float = 150.0

    def write(self, into: Path) -> Path:
        """Write all that Envoy reads into this folder, and return the path of its configuration."""
        into.mkdir(parents=True, exist_ok=True)
        certificate, key = certificate_in(into)
        values = {
            "listen": self.listen,
            "http_port": self.http_port,
            "https_port": self.https_port,
            "admin_port": self.admin_port,
            "origins": json.dumps([{"exact": origin} for origin in self.origins]),
            "other_origins": json.dumps([{"name": "origin", "present_match": True}, *map(_other_than, self.origins)]),
            "stream_idle_timeout": f"{self.stream_idle_timeout:g}s",
            "descriptors": json.dumps(str(ENVOY / "streamsvc.binpb")),
            "certificate": json.dumps(str(certificate)),
            "key": json.dumps(str(key)),
            "instances": json.dumps([_endpoint(address) for address in self.instances]),
            "pages": json.dumps([_endpoint(address) for address in self.pages]),
        }
        path = into / "envoy.yaml"
        path.write_text(Template((ENVOY / "envoy.yaml").read_text()).substitute(values))
        return path


def certificate_in(folder: Path) -> tuple[Path, Path]:
    """Return the certificate and the key in this folder. They are made if they are not there, or at their end."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    still_good = ["openssl", "x509", "-checkend", str(_LAST_SECONDS), "-noout", "-in", str(certificate)]
    if not certificate.exists() or subprocess.run(still_good, capture_output=True, timeout=30).returncode != 0:
        names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(_DAYS)]
        files = ["-keyout", str(key), "-out", str(certificate)]
        subprocess.run(["openssl", "req", "-x509", *kind, *names, *files], check=True, capture_output=True, timeout=30)
    return certificate, key


def _endpoint(address: str) -> dict[str, object]:
    host, _, port = address.rpartition(":")
    return {"endpoint": {"address": {"socket_address": {"address": host, "port_value": int(port)}}}}


def _other_than(origin: str) -> dict[str, object]:
    return {"name": "origin", "string_match": {"exact": origin}, "invert_match": True}


def _validate(path: Path) -> int:
    """Have Envoy itself judge the configuration. Returns its exit code; what it says is shown if it is not 0."""
    command = [str(Path(sys.executable).parent / "envoy"), "--mode", "validate", "--config-path", str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if ran.returncode:
        print(ran.stdout, ran.stderr)
    return ran.returncode


def main() -> int:
    """Write the configuration; with --check, have Envoy judge it."""
    parser = argparse.ArgumentParser(description="Makes Envoy's configuration of envoy/envoy.yaml.")
    parser.add_argument("--into", type=Path, required=True, help="folder for envoy.yaml, cert.pem and key.pem")
    parser.add_argument("--instance", action="append", required=True, help="HOST:PORT of the service; may be repeated")
    parser.add_argument("--page", action="append", default=[], help="HOST:PORT of what serves a page, if any does")
    parser.add_argument("--listen", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--origin", action="append", default=[], help="where pages may come from, beside this machine")
    parser.add_argument("--check", action="store_true", help="let Envoy say whether it is good, and start nothing")
    given = parser.parse_args()
    edge = Edge(given.instance, listen=given.listen, origins=(*ORIGINS, *given.origin), pages=given.page)
    path = edge.write(given.into)
    return _validate(path) if given.check else 0


if __name__ == "__main__":
    sys.exit(main())
