"""envoy/envoy.yaml and what is made for it, held to the service: limits, timeouts, routes, paths, the certificate."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import descriptor_pb2

from streamsvc.settings import BadSetting, load
from streamsvc.v1 import job_service_pb2
from tools.envoy import ENVOY, Edge, certificate_in

Json = dict[str, Any]

METHODS = job_service_pb2.DESCRIPTOR.services_by_name["JobService"].methods
RULES: list[Json] = json.loads((ENVOY / "http.json").read_text())["rules"]


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Json:
    """Return the part of the configuration that both listeners share."""
    path = Edge(["127.0.0.1:50051"]).write(tmp_path_factory.mktemp("edge"))
    http, https = yaml.safe_load(path.read_text())["static_resources"]["listeners"]
    assert http["filter_chains"][0]["filters"] == https["filter_chains"][0]["filters"]
    (only,) = http["filter_chains"][0]["filters"]
    shared: Json = only["typed_config"]
    return shared


def filter_of(manager: Json, name: str) -> Json:
    (found,) = [one["typed_config"] for one in manager["http_filters"] if one["name"].endswith(name)]
    config: Json = found
    return config


def test_a_stream_may_be_silent_for_two_of_the_longest_heartbeats(manager: Json) -> None:
    longest = 60
    load({"heartbeat_interval": f"{longest}s"})
    with pytest.raises(BadSetting):
        load({"heartbeat_interval": f"{longest + 1}s"})
    assert float(manager["stream_idle_timeout"].removesuffix("s")) > 2 * longest


def test_a_request_that_only_the_service_refuses_reaches_it(manager: Json) -> None:
    settings, _ = load({})
    limit = filter_of(manager, "buffer")["max_request_bytes"]
    # As much as the service's own server takes: beyond it callers would get gRPC's error in place of ours.
    assert limit == 4 * settings.max_request_bytes
    assert filter_of(manager, "transcoder")["max_request_body_size"] == limit
    assert f"larger than {limit} bytes" in str(manager["local_reply_config"])


def test_streams_have_no_timeout_and_only_the_public_service_is_routed(manager: Json) -> None:
    routes = manager["route_config"]["virtual_hosts"][0]["routes"]
    assert [one["route"]["timeout"] for one in routes if one["name"] == "stream"] == ["0s"]
    assert "ProducerService" not in str(manager)
    assert [one["name"] for one in routes if one["match"].get("prefix") == "/"] == ["foreign_origin"]


def test_starts_are_retried_only_if_they_did_not_arrive(manager: Json) -> None:
    (host,) = manager["route_config"]["virtual_hosts"]
    assert host["retry_policy"]["retry_on"] == "connect-failure,refused-stream,reset-before-request"
    assert [one["name"] for one in host["routes"] if "retry_policy" in one.get("route", {})] == ["read"]


def test_the_paths_are_those_of_methods_and_explained() -> None:
    explained = (ENVOY.parent / "docs" / "http.md").read_text()
    for rule in RULES:
        assert rule["selector"].removeprefix("streamsvc.v1.JobService.") in {method.name for method in METHODS}
        (verb,) = {"get", "post", "delete"} & set(rule)
        assert f"`{verb.upper()} {rule[verb]}`" in explained


def test_the_descriptors_hold_the_details_of_errors() -> None:
    found = descriptor_pb2.FileDescriptorSet.FromString((ENVOY / "streamsvc.binpb").read_bytes())
    names = {f"{file.package}.{message.name}" for file in found.file for message in file.message_type}
    assert {"google.rpc.Status", "google.rpc.ErrorInfo", "google.rpc.RetryInfo", "google.rpc.BadRequest"} <= names


def test_a_certificate_is_kept_and_made_anew_at_its_end(tmp_path: Path) -> None:
    certificate, key = certificate_in(tmp_path)
    first = certificate.read_bytes()
    assert key.stat().st_mode & 0o077 == 0
    assert certificate_in(tmp_path) == (certificate, key)
    assert certificate.read_bytes() == first
    ending = ["-x509", "-key", str(key), "-subj", "/CN=localhost", "-days", "1", "-out", str(certificate)]
    subprocess.run(["openssl", "req", *ending], check=True, capture_output=True, timeout=30)
    short = certificate.read_bytes()
    certificate_in(tmp_path)
    assert certificate.read_bytes() not in (first, short)
