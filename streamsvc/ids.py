"""Identifiers of jobs: 32 hexadecimal characters, from time and chance or from a request."""

from __future__ import annotations

import hashlib
import re

_JOB_ID = re.compile(r"[0-9a-f]{32}")


def is_job_id(text: str) -> bool:
    """Tell whether `text` has the form of a job id.

    >>> is_job_id("0198c2f4e5b07c3a9d1e6f708192a3b4"), is_job_id("my-job")
    (True, False)
    """
    return _JOB_ID.fullmatch(text) is not None


def new_job_id(unix_ms: int, random: bytes) -> str:
    """Return a UUIDv7 (RFC 9562, section 5.7) as 32 hexadecimal characters.

    `unix_ms` is the time in milliseconds, `random` ten bytes of chance: ids sort by the time they were made.
    """
    if len(random) != 10:
        raise ValueError(f"ten random bytes are needed, not {len(random)}")
    value = bytearray(unix_ms.to_bytes(6, "big") + random)
    value[6] = 0x70 | value[6] & 0x0F
    value[8] = 0x80 | value[8] & 0x3F
    return value.hex()


def job_id_of_request(tenant: str, owner: str, request_id: str) -> str:
    """Return the id of the job that this request starts: the same at every instance and at every repeat.

    So the claim on a request_id is the creation of the job itself, in one step and in one place.
    """
    return _digest(tenant, owner, request_id)


def job_id_of_answers(previous_job_id: str) -> str:
    """Return the id of the job that has the answers to the questions of another: whoever gives them.

    So of all who answer one creates the job, and the others find it.
    """
    return _digest("answers", previous_job_id)


def _digest(*names: str) -> str:
    # Lengths go in first, so that no two different lists have the same bytes.
    fields = [name.encode() for name in names]
    digest = hashlib.sha256(b"".join(len(field).to_bytes(4, "big") + field for field in fields))
    return digest.hexdigest()[:32]
