"""Answers of people: what they must be, and the one job that has those to a job's questions (docs/adr/0014)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias, TypeVar

from streamsvc import ids
from streamsvc.errors import FieldInvalid, InputAnswered, JobDeleted, JobNotFound, RequestIdReused
from streamsvc.jobs import requests
from streamsvc.jobs.chance import Chance
from streamsvc.jobs.options import JobOptions
from streamsvc.jobs.tails import Tails
from streamsvc.json_text import json_value
from streamsvc.store.base import FINAL, Store
from streamsvc.v1 import content_pb2, job_pb2, job_service_pb2, state_pb2
from streamsvc.v1 import producer_service_pb2 as pb

MAX_ANSWERS = 128
"""How many questions a job may ask, and so how many answers one start may carry."""
MAX_JSON = 64 * 1024
MAX_COMMENT = 2000

Start = job_service_pb2.StartGenerationRequest | pb.CreateJobRequest
"""A request that may carry answers."""
S = TypeVar("S", job_service_pb2.StartGenerationRequest, pb.CreateJobRequest)

Decision: TypeAlias = content_pb2.InputDecision.ValueType

_IN_JSON = (content_pb2.INPUT_DECISION_EDIT, content_pb2.INPUT_DECISION_RESPOND)
_SHOWN = 10


def check_form(request: Start) -> None:
    """Check the answers of a request but for what the job that asked must judge. Raises FieldInvalid."""
    if not request.answers:
        return
    requests.few("answers", len(request.answers), MAX_ANSWERS)
    if not request.previous_job_id:
        raise FieldInvalid.of("previous_job_id", "is empty: name the job whose questions are answered")
    answered: set[str] = set()
    for i, answer in enumerate(request.answers):
        _check_answer(f"answers[{i}]", answer, answered)
        answered.add(answer.input_request_id)


def check_fit(asked: state_pb2.JobState, answers: Sequence[content_pb2.InputAnswer], now_ms: int) -> None:
    """Check that a job waits for people, and that each of its questions is answered as it allows. Raises FieldInvalid.

    The questions of a job are answered together. One that has expired is left out.
    """
    _check_waits(asked)
    questions = {question.id: question for question in asked.input_requests}
    for i, answer in enumerate(answers):
        question = questions.pop(answer.input_request_id, None)
        if question is None:
            known = ", ".join(found.id for found in asked.input_requests[:_SHOWN])
            text = f"is {answer.input_request_id!r}, no question of job {asked.job.id}; it asked {known}"
            raise FieldInvalid.of(f"answers[{i}].input_request_id", text, job_id=asked.job.id)
        if _expired(question, now_ms):
            text = f"question {question.id} expired at {question.expire_time.ToJsonString()}: leave this answer out"
            raise FieldInvalid.of(f"answers[{i}]", text, input_request_id=question.id)
        _check_allowed(f"answers[{i}].decision", answer.decision, question.decisions)
    if left := [question.id for question in questions.values() if not _expired(question, now_ms)]:
        text = f"leave open {', '.join(left[:_SHOWN])}: the questions of a job are answered together, by one start"
        raise FieldInvalid.of("answers", text, input_request_id=left[0])


class Answers:
    """Makes starts with answers whole, and refuses those that do not fit what was asked."""

    def __init__(self, store: Store, tails: Tails, options: JobOptions, chance: Chance) -> None:
        self._store = store
        self._tails = tails
        self._options = options
        self._chance = chance

    async def completed(self, owner: str, request: S) -> S:
        """Return a request of `owner` with what it need not say of the job that it goes on with.

        One without answers is returned as it is. A repeat is not judged again: its job is there.

        Raises FieldInvalid, InputAnswered, JobNotFound (the previous job; also if it is somebody else's).
        """
        if not request.answers:
            return request
        previous = (await self._store.get(request.previous_job_id)).job
        if previous.owner != owner:
            raise JobNotFound.of(previous.id)
        try:
            await self._store.get(ids.job_id_of_answers(previous.id))
        except JobDeleted:
            raise _answered(previous.id) from None
        except JobNotFound:
            check_fit(await self._tails.state(previous.id), request.answers, self._chance.now_ms())
        return self._completed(request, previous)

    def _completed(self, request: S, previous: job_pb2.Job) -> S:
        whole = type(request)()
        whole.CopyFrom(request)
        # A start that is not named is never a repeat: two of them are two answers, even if they say the same.
        whole.request_id = request.request_id or self._chance.random_bytes(16).hex()
        whole.conversation_id = request.conversation_id or previous.conversation_id
        if request.producer in ("", previous.producer):
            whole.producer, whole.model = previous.producer, request.model or previous.model
        if not whole.producer and isinstance(whole, job_service_pb2.StartGenerationRequest):
            text = "is empty, and the job that asked was for no producer: name one that takes answers"
            raise FieldInvalid.of("producer", text)
        # It is the memory of the answer: it must not be forgotten before the question is.
        wanted = requests.retention(
            request.retention if request.HasField("retention") else None, self._options.retention
        )
        whole.retention.FromTimedelta(max(wanted, previous.retention.ToTimedelta()))
        return whole


@contextmanager
def answered_once(request: Start) -> Iterator[None]:
    """Tell a start with answers that was not the first one which job has the first answers. Raises InputAnswered."""
    try:
        yield
    except (RequestIdReused, JobDeleted):
        if not request.answers:
            raise
        raise _answered(request.previous_job_id) from None


def _answered(previous_job_id: str) -> InputAnswered:
    job_id = ids.job_id_of_answers(previous_job_id)
    text = f"the questions of job {previous_job_id} are answered already, by those of job {job_id}: follow that one"
    return InputAnswered(text, {"job_id": job_id, "previous_job_id": previous_job_id})


def _check_answer(path: str, answer: content_pb2.InputAnswer, answered: Collection[str]) -> None:
    question = answer.input_request_id
    if not question:
        raise FieldInvalid.of(f"{path}.input_request_id", "is empty: name the question, by its InputRequest.id")
    requests.at_most(f"{path}.input_request_id", question, requests.MAX_ID)
    if question in answered:
        raise FieldInvalid.of(f"{path}.input_request_id", f"is {question!r} a second time: answer each question once")
    requests.known(f"{path}.decision", answer.decision, content_pb2.InputDecision)
    if not answer.decision:
        raise FieldInvalid.of(f"{path}.decision", f"is not set: choose {_names(())}")
    requests.at_most(f"{path}.json", answer.json, MAX_JSON)
    requests.at_most(f"{path}.comment", answer.comment, MAX_COMMENT)
    if not answer.json and answer.decision in _IN_JSON:
        raise FieldInvalid.of(f"{path}.json", "is empty: EDIT and RESPOND carry an answer, as JSON")
    if answer.json:
        try:
            json_value(answer.json)
        except ValueError:
            raise FieldInvalid.of(f"{path}.json", 'is not JSON: a text is written in quotes, such as "yes"') from None


def _check_waits(asked: state_pb2.JobState) -> None:
    job = asked.job
    if job.status not in FINAL:
        text = f"job {job.id} has not ended: its questions can be answered when it has"
    elif job.finish_reason != job_pb2.FINISH_REASON_INPUT_REQUIRED or not asked.input_requests:
        text = f"job {job.id} does not wait for people: it did not end with FINISH_REASON_INPUT_REQUIRED"
    else:
        return
    raise FieldInvalid.of("previous_job_id", text, job_id=job.id)


def _check_allowed(path: str, decision: Decision, allowed: Sequence[Decision]) -> None:
    if allowed and decision not in allowed:
        name = content_pb2.InputDecision.Name(decision)
        raise FieldInvalid.of(path, f"is {name}, and the question allows {_names(allowed)}", value=name)


def _names(decisions: Sequence[Decision]) -> str:
    values = decisions or content_pb2.InputDecision.values()[1:]
    return ", ".join(content_pb2.InputDecision.Name(value) for value in values)


def _expired(question: content_pb2.InputRequest, now_ms: int) -> bool:
    return question.HasField("expire_time") and question.expire_time.ToMilliseconds() <= now_ms
