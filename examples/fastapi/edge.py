"""Locks what `tools.envoy` wrote, for people who sign in at the backend: `python edge.py ENVOY_YAML SESSION_KEY`.

Through it a page may read answers, and nothing else: all other calls go to the backend, under /api/.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm

JWT = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3"
READS = {"stream": "StreamJob", "read": "GetJobState"}


def lock(config: dict[str, Any], jwks: str) -> None:
    """Let nobody read without a session that these keys prove, and let no other call through."""
    connections = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    filters = [one for one in connections["http_filters"] if not one["name"].endswith("grpc_json_transcoder")]
    filters.insert(-1, {"name": "envoy.filters.http.jwt_authn", "typed_config": proof(jwks)})
    connections["http_filters"] = filters
    host = connections["route_config"]["virtual_hosts"][0]
    routes = {route["name"]: route for route in host["routes"]}
    for name, rpc in READS.items():
        routes[name]["match"] = {"path": f"/streamsvc.v1.JobService/{rpc}"}
    routes["page"].pop("typed_per_filter_config")
    backend = {"name": "backend", "match": {"prefix": "/api/"}, "route": {"cluster": "pages", "timeout": "15s"}}
    host["routes"] = [routes["foreign_origin"], routes["stream"], routes["read"], backend, routes["page"]]


def proof(jwks: str) -> dict[str, Any]:
    """Return the filter that wants the backend's session in the cookie of that name."""
    provider = {
        "issuer": "backend",
        "audiences": ["streamsvc"],
        "from_cookies": ["session"],
        "local_jwks": {"inline_string": jwks},
    }
    rule = {"match": {"prefix": "/streamsvc.v1.JobService/"}, "requires": {"provider_name": "backend"}}
    return {"@type": f"{JWT}.JwtAuthentication", "providers": {"backend": provider}, "rules": [rule]}


if __name__ == "__main__":
    path, key = (Path(argument) for argument in sys.argv[1:])
    public: Any = load_pem_private_key(key.read_bytes(), None).public_key()
    config = yaml.safe_load(path.read_text())
    lock(config, json.dumps({"keys": [ECAlgorithm.to_jwk(public, as_dict=True)]}))
    path.write_text(yaml.safe_dump(config))
