"""How long a client waits before it tries again."""

from __future__ import annotations

from datetime import timedelta

from streamsvc.client.options import ClientOptions
from streamsvc.client.retry import Retries
from streamsvc.errors import Overloaded, ServerDraining

SECOND = timedelta(seconds=1)


def test_a_call_asks_every_other_target_at_once_when_one_is_about_to_stop() -> None:
    retries = Retries(ClientOptions(), lambda: 0.0, targets=3)
    waits = [retries.wait(ServerDraining("about to stop", retry_after=SECOND)) for _ in range(4)]
    assert waits == [0.0, 0.0, 1.0, 1.0]


def test_a_call_with_one_target_waits_as_long_as_the_service_asks() -> None:
    assert Retries(ClientOptions(), lambda: 0.0).wait(ServerDraining("about to stop", retry_after=SECOND)) == 1.0


def test_a_service_that_is_overloaded_is_given_its_time_whatever_targets_there_are() -> None:
    assert Retries(ClientOptions(), lambda: 0.0, targets=3).wait(Overloaded("full", retry_after=SECOND)) == 1.0
