"""The token limit of a request whose answer is written in several attempts: what was said counts."""

from __future__ import annotations

import json
from typing import Any

_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_SHARE = 64


class TokenCount:
    """How many tokens an answer has, by its chunks: endpoints send one token in each, or seldom a few.

    `said` counts all of them, `before_word` those before the last word, from which a model is asked to go on. `due`
    tells whether the note is behind by a 64th of the limit: a note makes an append dearer, so a long answer is not
    noted with each token.
    """

    def __init__(self, limit: int, said: int = 0, before_word: int = 0) -> None:
        self.said, self.before_word = said, before_word
        self._limit = limit
        self._noted = said
        self._space: int | None = None  # tokens before the white space at the end, if there is some

    @property
    def due(self) -> bool:
        """Whether `note` has something to say that is worth its price."""
        return self.said - self._noted >= max(1, self._limit // _SHARE)

    def add(self, text: str) -> None:
        """Count a chunk of text."""
        words = text.split()
        if len(words) > 1 or (words and text[0].isspace() and self._space is None):
            self.before_word = self.said
        elif words and self._space is not None:
            self.before_word = self._space
        if words:
            self._space = self.said if text[-1].isspace() else None
        elif self._space is None:
            self._space = self.said
        self.said += 1

    def add_reasoning(self) -> None:
        """Count a chunk of reasoning."""
        self.said += 1

    def note(self) -> bytes:
        """Return the count for the next attempt."""
        self._noted = self.said
        return json.dumps([self.said, self.before_word]).encode()

    def going_on(self, beginning: str, tail: str) -> TokenCount:
        """Return the count of an attempt that is handed `beginning`, with `tail` left to be said again."""
        if not beginning:
            return TokenCount(self._limit)
        said = self.before_word if tail[:1].isspace() and tail.strip() else self.said
        return TokenCount(self._limit, said, min(said, self.before_word))


def count_of(note: bytes, arguments: dict[str, Any]) -> TokenCount | None:
    """Return the count that an earlier attempt left in its note, 0 without one. None if the request has no limit."""
    limits = [place[key] for place, key in _limits(arguments)]
    if not limits:
        return None
    said, before_word = json.loads(note) if note else (0, 0)
    return TokenCount(limits[-1], said, before_word)


def lower_limit(arguments: dict[str, Any], said: int) -> None:
    """Take what was said already from the limits in `arguments`."""
    for place, key in _limits(arguments):
        place[key] = max(1, place[key] - said)


def _limits(arguments: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    places = (arguments, arguments["extra_body"])
    # A limit that is no number is for the endpoint to refuse.
    return [(place, key) for place in places for key in _LIMITS if type(place.get(key)) is int]
