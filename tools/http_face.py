"""Generates envoy/streamsvc.binpb, what Envoy turns JSON over HTTP into, or with --check tells whether it is current.

It is protos/ and the details of gRPC's errors as descriptors, with the paths of envoy/http.json as `google.api.http`
options. The protos themselves do without them: see docs/adr/0009-curl-face.md.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, json_format

from tools.gen import ROOT, protoc, site_packages

RULES = ROOT / "envoy" / "http.json"
DESCRIPTORS = ROOT / "envoy" / "streamsvc.binpb"

_FACE = "streamsvc/v1/job_service.proto"
_ERRORS = ("google/rpc/status.proto", "google/rpc/error_details.proto")


def descriptors() -> bytes:
    """Return the descriptors with the paths in them. Raises KeyError for a method that is not there."""
    found = _compiled()
    methods = {
        f"{file.package}.{service.name}.{method.name}": method
        for file in found.file
        for service in file.service
        for method in service.method
    }
    for rule in json_format.Parse(RULES.read_text(), http_pb2.Http()).rules:
        options = methods[rule.selector].options
        # The selector is for whoever reads the table; an option stands at its method.
        rule.ClearField("selector")
        options.Extensions[annotations_pb2.http].CopyFrom(rule)
    return found.SerializeToString(deterministic=True)


def _compiled() -> descriptor_pb2.FileDescriptorSet:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "descriptors.binpb"
        sources = ["-I", str(ROOT / "protos"), "-I", site_packages(), "--include_imports"]
        protoc([*sources, f"--descriptor_set_out={output}", _FACE, *_ERRORS])
        return descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes())


def main() -> int:
    """Write the file, or compare it."""
    if "--check" not in sys.argv:
        DESCRIPTORS.write_bytes(descriptors())
    elif not DESCRIPTORS.exists() or DESCRIPTORS.read_bytes() != descriptors():
        print("envoy/streamsvc.binpb is not what protos/ and envoy/http.json give; run `make gen`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
