"""What went wrong, in one sentence that names the way out."""

from __future__ import annotations

from collections.abc import Mapping

from streamsvc.client import GaveUp, Unreachable
from streamsvc.errors import StreamsvcError
from streamsvc.v1 import job_pb2

EXIT_CALL_FAILED = 1
EXIT_NOT_UNDERSTOOD = 2
EXIT_INTERRUPTED = 130

_NO_SERVICE = "start one with `streamsvc serve`, or say where it is with --target HOST:PORT"
_NO_PORT = "--target needs a port, as in 127.0.0.1:50051"
_JOB_ID = "has 32 characters of 0-9 and a-f, as `streamsvc start` prints it; `streamsvc list` shows the ids"
_NO_KEY = "set {}_API_KEY where the service runs, or choose one of these with --producer"

_WAYS_OUT = {
    "JOB_NOT_FOUND": "`streamsvc list` shows the jobs there are (the memory store forgets all when the service stops)",
    "PRODUCER_UNKNOWN": "choose one of these with --producer, or add it to the service's streamsvc.toml",
    "MODEL_UNKNOWN": "choose one with --model",
    "REQUEST_ID_REUSED": "choose another --request-id, or leave it out",
    "INPUT_ANSWERED": "run `streamsvc follow {job_id}`",
    "CONVERSATION_BUSY": "or run `streamsvc follow {job_id}`, or add --concurrency replace",
    "OVERLOADED": "try again later",
    "QUOTA_EXCEEDED": "try again later",
    "STORE_UNAVAILABLE": "try again later",
    "SERVER_DRAINING": "try again in a moment",
    "STATE_TOO_LARGE": "or run `streamsvc follow {job_id}`",
}

_OPTIONS = {
    "parameters.extra_json": "correct --extra",
    "parameters.max_tokens": "correct --max-tokens",
    "parameters.temperature": "correct --temperature",
    "conversation_id": "correct --conversation",
    "labels": "correct --label",
    "reason": "correct --reason",
    "request_id": "correct --request-id",
    "request": "ask for less, or leave out a --file",
}

_UPSTREAM = {
    "UPSTREAM_UNAVAILABLE": "start it, or correct its base_url in the service's streamsvc.toml",
    "UPSTREAM_REJECTED": "correct --model, or the upstream in the service's streamsvc.toml",
}


class Mistake(Exception):
    """A command that cannot be done as it was given; the message is one sentence that names the way out."""


def sentence(error: StreamsvcError, target: str) -> str:
    """Return what went wrong in a call to the service at `target`, and what to do about it."""
    if isinstance(error, Unreachable):
        return _unreachable(error, target)
    if isinstance(error, GaveUp):
        return f"the service at {target} is out of reach: {error.message}"
    field = error.metadata.get("field", "")
    if error.reason == "FIELD_INVALID" and field == "job_id":
        return f"{error.reason}: {field}: {_JOB_ID}"
    way_out = _way_out(error, field)
    return f"{error.reason}: {error.message}" + (f"; {way_out}" if way_out else "")


def failure(error: job_pb2.JobError) -> str:
    """Return why a job failed. Where it is the upstream's address, with what to do about it."""
    text = f"{error.reason}: {error.message}"
    way_out = _UPSTREAM.get(error.reason, "") if "base_url" in error.metadata else ""
    return f"{text}; {way_out}" if way_out else text


def _way_out(error: StreamsvcError, field: str) -> str:
    if error.reason == "FIELD_INVALID":
        return next((way for name, way in _OPTIONS.items() if field == name or field.startswith(f"{name}[")), "")
    if error.reason == "PRODUCER_UNKNOWN":
        keyed = (name for name in ("openai", "anthropic") if f"'{name}'" in error.message)
        if name := next(keyed, ""):
            return _NO_KEY.format(name.upper())
    return _WAYS_OUT.get(error.reason, "").format_map(_Named(error.metadata))


def _unreachable(error: Unreachable, target: str) -> str:
    if error.code == "UNIMPLEMENTED":
        return (
            f"what answers at {target} does not know this call: is it another service, or an older one? [{error.code}]"
        )
    if error.code == "RESOURCE_EXHAUSTED":
        return f"the answer from {target} is too large for one message: {error.message} [{error.code}]"
    ports = all(address.rpartition(":")[2].isdecimal() for address in target.split(","))
    return f"no service answers at {target}: {_NO_SERVICE if ports else _NO_PORT} [{error.code}]"


class _Named(dict[str, str]):
    """Values by name; one that the service did not give keeps its place."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)

    def __missing__(self, key: str) -> str:
        return key.upper()
