"""How every job begins, whoever writes it: its id, and the first batch of its log."""

from __future__ import annotations

from collections.abc import Sequence

from streamsvc import codec, ids
from streamsvc.jobs import lifecycle, requests
from streamsvc.jobs.chance import Chance
from streamsvc.log import Batch
from streamsvc.principal import Principal
from streamsvc.v1 import content_pb2, job_pb2


def job_id_of(principal: Principal, owner: str, request_id: str, chance: Chance) -> str:
    """Return the id of the job that a request makes: without a request_id a new one."""
    if request_id:
        return ids.job_id_of_request(principal.tenant, owner, request_id)
    return ids.new_job_id(chance.now_ms(), chance.random_bytes(10))


def first_batch(job: job_pb2.Job, messages: Sequence[content_pb2.ChatMessage], chance: Chance) -> Batch:
    """Return the batch that creates a job which answers `messages`."""
    event = lifecycle.created(job, requests.input_of(messages))
    return Batch(chance.new_epoch(), 0, codec.encode([event], 0), 1, job.create_time.ToMilliseconds())
