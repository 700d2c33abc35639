"""Tokens of pages: the place of a page's last job among all jobs."""

from __future__ import annotations

import re
from typing import NamedTuple

from streamsvc.errors import FieldInvalid

_TOKEN = re.compile(r"([0-9]{1,15})-([0-9a-f]{32})")


class Place(NamedTuple):
    """Where a job stands in lists: by the time it was made, in milliseconds since 1970, and then by its id."""

    create_ms: int
    job_id: str


def token_of(place: Place) -> str:
    """Return the token of the page after the one that ends with `place`."""
    return f"{place.create_ms}-{place.job_id}"


def parse(page_token: str) -> Place:
    """Return the place that a token names. Raises FieldInvalid."""
    found = _TOKEN.fullmatch(page_token)
    if found is None:
        raise FieldInvalid.of("page_token", "not a token of this service: begin again without one")
    return Place(int(found[1]), found[2])
