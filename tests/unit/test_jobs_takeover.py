"""What becomes of a job whose producer was lost, by its recovery policy."""

from __future__ import annotations

from datetime import timedelta

import pytest

from streamsvc.jobs.takeover import Plan, goes_on, plan
from streamsvc.producers.base import Producer
from streamsvc.store.base import Acquired, JobRecord, Lease
from streamsvc.v1 import job_pb2, job_service_pb2
from tests.support.events import kinds, pending_job
from tests.support.producers import Told

UNSPECIFIED = job_service_pb2.RECOVERY_POLICY_UNSPECIFIED
FAIL = job_service_pb2.RECOVERY_POLICY_FAIL
RESTART = job_service_pb2.RECOVERY_POLICY_RESTART
CONTINUE = job_service_pb2.RECOVERY_POLICY_CONTINUE


def running() -> job_pb2.Job:
    job = pending_job(last=4)
    job.status, job.attempt = job_pb2.JOB_STATUS_RUNNING, 1
    return job


def made(
    policy: int,
    *,
    job: job_pb2.Job | None = None,
    producer: Producer | None = None,
    losses: int = 1,
    handed_over: bool = False,
    cancelled: bool = False,
) -> Plan:
    """Return the plan for a job that was acquired so."""
    job = job or running()
    request = job_service_pb2.StartGenerationRequest(recovery=policy)  # type: ignore[arg-type]
    lease = Lease(job.id, "e2", 2, timedelta(seconds=10), cancelled, "enough" if cancelled else "")
    record = JobRecord(job, (), 2, losses, cancelled)
    acquired = Acquired(lease, record, handed_over, request.SerializeToString(), b"")
    return plan(acquired, producer, 3)


def test_continue_goes_on_from_what_was_said() -> None:
    made_plan = made(CONTINUE, producer=Told())
    assert made_plan.final is None
    assert made_plan.continues
    (opening,) = made_plan.opening
    assert not opening.job_resumed.restarted
    assert (opening.job_resumed.attempt, opening.job_resumed.reason) == (2, "LEASE_EXPIRED")


def test_restart_begins_anew() -> None:
    made_plan = made(RESTART, producer=Told())
    assert not made_plan.continues
    (opening,) = made_plan.opening
    assert opening.job_resumed.restarted


def test_fail_ends_the_job_and_says_that_its_producer_was_lost() -> None:
    made_plan = made(FAIL, producer=Told())
    assert made_plan.opening == []
    assert made_plan.final is not None
    assert made_plan.final.job_failed.error.reason == "PRODUCER_LOST"
    assert made_plan.final.job_failed.error.retryable


@pytest.mark.parametrize(("can_continue", "goes_on"), [(True, True), (False, False)])
def test_by_default_a_job_goes_on_if_its_producer_can(can_continue: bool, goes_on: bool) -> None:
    made_plan = made(UNSPECIFIED, producer=Told(can_continue=can_continue))
    assert (made_plan.final is None) == goes_on


def test_a_producer_that_cannot_continue_fails_a_job_that_asks_for_it() -> None:
    made_plan = made(CONTINUE, producer=Told(can_continue=False))
    assert made_plan.final is not None
    assert made_plan.final.job_failed.error.reason == "PRODUCER_LOST"


def test_a_hand_over_is_named_as_one() -> None:
    made_plan = made(CONTINUE, producer=Told(), handed_over=True, losses=0)
    assert made_plan.opening[0].job_resumed.reason == "HANDED_OVER"


@pytest.mark.parametrize("policy", [UNSPECIFIED, FAIL, RESTART, CONTINUE])
def test_a_job_that_nobody_has_begun_is_begun_whatever_its_policy(policy: int) -> None:
    made_plan = made(policy, job=pending_job(), producer=Told())
    assert kinds(made_plan.opening) == ["job_started"]
    assert not made_plan.continues
    assert made_plan.final is None


@pytest.mark.parametrize("policy", [UNSPECIFIED, RESTART, CONTINUE])
def test_a_job_that_was_lost_too_often_ends(policy: int) -> None:
    assert made(policy, producer=Told(), losses=2).final is None
    ended = made(policy, producer=Told(), losses=3).final
    assert ended is not None
    assert ended.job_failed.error.reason == "PRODUCER_LOST"
    assert ended.job_failed.error.metadata["attempt"] == "3"


def test_a_job_whose_producer_is_not_configured_any_more_ends() -> None:
    ended = made(CONTINUE, producer=None).final
    assert ended is not None
    assert ended.job_failed.error.reason == "PRODUCER_LOST"


def test_a_job_that_was_cancelled_meanwhile_ends_as_cancelled() -> None:
    ended = made(CONTINUE, producer=Told(), cancelled=True, losses=9).final
    assert ended is not None
    assert ended.job_cancelled.reason == "enough"


@pytest.mark.parametrize(
    ("policy", "can_continue", "expected"),
    [
        *((UNSPECIFIED, True, True), (UNSPECIFIED, False, False), (CONTINUE, True, True), (CONTINUE, False, False)),
        *((RESTART, True, True), (RESTART, False, True), (FAIL, True, False), (FAIL, False, False)),
    ],
)
def test_a_job_is_worth_giving_away_if_its_next_writer_would_not_end_it(
    policy: int, can_continue: bool, expected: bool
) -> None:
    request = job_service_pb2.StartGenerationRequest(recovery=policy)  # type: ignore[arg-type]
    producer = Told(can_continue=can_continue)
    assert goes_on(request, producer) == expected
    assert not goes_on(request, None)
    assert (made(policy, producer=producer, handed_over=True, losses=0).final is None) == expected
