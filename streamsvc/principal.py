"""Who is calling, and what that identity may do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    A job belongs to the `subject` of a `tenant`. `scopes` are what the caller may do beyond its own jobs,
    `grants` the ids of single jobs of others that it may read.

    >>> ANONYMOUS.owns("anonymous")
    True
    """

    subject: str
    tenant: str = ""
    scopes: frozenset[str] = frozenset()
    grants: frozenset[str] = frozenset()

    def owns(self, owner: str) -> bool:
        """Tell whether a job of `owner` is this caller's own."""
        return self.subject == owner

    def may_read(self, owner: str, job_id: str) -> bool:
        """Tell whether the caller may read the job `job_id` of `owner`."""
        return self.owns(owner) or job_id in self.grants


ANONYMOUS = Principal("anonymous")
"""Every caller of a service that runs without authentication."""
