"""Who may read what: one's own jobs, and those that were granted."""

from __future__ import annotations

from streamsvc.principal import ANONYMOUS, Principal


def test_a_job_is_read_by_its_owner_and_by_those_it_was_granted_to() -> None:
    ada, ben = Principal("ada"), Principal("ben", grants=frozenset({"j1"}))
    assert ada.owns("ada")
    assert ada.may_read("ada", "j1")
    assert not ada.may_read("ben", "j1")
    assert ben.may_read("ada", "j1")
    assert not ben.may_read("ada", "j2")
    assert not ben.owns("ada")


def test_without_authentication_everybody_is_one_and_the_same() -> None:
    assert Principal("anonymous") == ANONYMOUS
    assert ANONYMOUS.scopes == ANONYMOUS.grants == frozenset()
