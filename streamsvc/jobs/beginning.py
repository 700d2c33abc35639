"""How every job begins, whoever writes it: its id, and the first batch of its log."""

from __future__ import annotations

from collections.abc import Sequence

from streamsvc import codec, ids
from streamsvc.jobs import lifecycle, requests
from streamsvc.jobs.answers import Start
from streamsvc.jobs.chance import Chance
from streamsvc.log import Batch
from streamsvc.principal import Principal
from streamsvc.v1 import content_pb2, job_pb2


def job_id_of(principal: Principal, owner: str, request: Start, chance: Chance) -> str:
    """Return the id of the job that a request makes: without answers and without a request_id a new one."""
    if request.answers:
        return ids.job_id_of_answers(request.previous_job_id)
    if request.request_id:
        return ids.job_id_of_request(principal.tenant, owner, request.request_id)
    return ids.new_job_id(chance.now_ms(), chance.random_bytes(10))


def first_batch(
    job: job_pb2.Job,
    messages: Sequence[content_pb2.ChatMessage],
    answers: Sequence[content_pb2.InputAnswer],
    chance: Chance,
) -> Batch:
    """Return the batch that creates a job which answers `messages`, or goes on with `answers` of people."""
    event = lifecycle.created(job, requests.input_of(messages), answers)
    return Batch(chance.new_epoch(), 0, codec.encode([event], 0), 1, job.create_time.ToMilliseconds())
