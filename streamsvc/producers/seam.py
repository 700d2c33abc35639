"""The place where an answer that was cut goes on: what the model repeats there is dropped."""

from __future__ import annotations

_LONGEST_REFRAIN = 32


class Astray(Exception):
    """The model says something else than what was said already. Nothing of it was shown.

    `begun_anew` tells that it has begun its answer again, where it should have gone on with it.
    """

    def __init__(self, *, begun_anew: bool = False) -> None:
        super().__init__()
        self.begun_anew = begun_anew


class Seam:
    """Returns what is new in a text that a model says after it was handed the beginning of its answer.

    `tail` is what was said after that beginning: the model has to say it again. `echo` is the beginning itself, which
    some endpoints repeat before anything else. White space is not compared: endpoints strip it, and tokenizers move it.
    At the seam it is never doubled: of the white space with which the new text begins only that is returned which
    `tail` does not end with.

    Nothing is returned until it is certain. What is held back is no longer than `echo` and `tail`, and not for long:
    texts that are not the same differ within a few words.

    >>> seam = Seam(" is Par", echo="The capital of France")
    >>> [seam.take(text) for text in (" is", " Paris", ".")]
    ['', 'is', '.']
    """

    def __init__(self, tail: str, echo: str = "") -> None:
        self._echo = _Route(echo + tail) if echo else None
        self._again = _Route(tail)
        self._beginning, self._tail = echo, tail
        self._gap = tail[len(tail.rstrip()) :]
        self._held: list[str] = []
        self._repeated = False
        self.joined = False

    def take(self, text: str) -> str:
        """Return what is new in the next text of the model; empty as long as that is not known. Raises Astray."""
        if self.joined:
            return text
        self._held.append(text)
        if not self._repeated and not self._follow(text):
            return ""
        held = "".join(self._held)
        return self._join(held) if held.strip() or not self._gap else ""

    def end(self) -> str:
        """Return what was held back: the model says no more here. Raises Astray if it did not say `tail` again."""
        if self.joined:
            return ""
        if not self._repeated:
            # Half an echo is none.
            self._drop(self._again)
        return self._join("".join(self._held))

    def _follow(self, text: str) -> bool:
        """Tell whether all that is repeated has come, and drop it."""
        said = "".join(text.split())
        self._again.follow(said)
        echo = self._echo
        if echo is not None:
            echo.follow(said)
            if echo.pending:
                return False
        if self._again.pending and not (echo and echo.done):
            return False
        if echo and echo.done and not (self._again.done and self._is_no_echo()):
            self._drop(echo)
        else:
            self._drop(self._again)
        return True

    def _is_no_echo(self) -> bool:
        # In `na na na` the next `na` looks like the first one, but for the space before it. Nothing long does.
        is_short = self._echo is not None and len(self._echo.text) <= _LONGEST_REFRAIN
        return is_short and self._held[0][:1].isspace() and not self._beginning[:1].isspace()

    def _is_begun_anew(self) -> bool:
        """Tell whether a model that was handed whole words has begun with the first of them, or with a new sentence."""
        begun = "".join(self._held)
        if self._echo is None or not self._tail[:1].isspace() or begun[:1].isspace():
            return False
        words = self._beginning.split()
        is_echo = self._echo.matched >= sum(map(len, words))
        return not is_echo and (begun[:1].isupper() or self._echo.matched >= len(words[0]))

    def _drop(self, route: _Route) -> None:
        if not route.done:
            raise Astray(begun_anew=self._is_begun_anew())
        self._repeated = True
        self._held = [_after("".join(self._held), len(route.text))]

    def _join(self, held: str) -> str:
        self.joined = True
        new = held.lstrip()
        return _further(self._gap, held[: len(held) - len(new)]) + new


class _Route:
    """One way in which the model may repeat what was said: how far the text has followed it."""

    def __init__(self, text: str) -> None:
        self.text = "".join(text.split())
        self.matched = 0
        self._left = False

    @property
    def done(self) -> bool:
        """Whether all of it was said."""
        return not self._left and self.matched >= len(self.text)

    @property
    def pending(self) -> bool:
        """Whether it may still be said."""
        return not self._left and self.matched < len(self.text)

    def follow(self, said: str) -> None:
        """Take note of the next text, without white space."""
        if self.pending:
            expected = self.text[self.matched : self.matched + len(said)]
            common = _common(expected, said)
            self._left = common < len(expected)
            self.matched += common


def _common(one: str, other: str) -> int:
    """Return with how many same characters two texts begin."""
    differing = (place for place, (here, there) in enumerate(zip(one, other, strict=False)) if here != there)
    return next(differing, min(len(one), len(other)))


def _after(text: str, count: int) -> str:
    """Return what follows the first `count` characters of `text` that are no white space."""
    for place, character in enumerate(text):
        if count == 0:
            return text[place:]
        count -= not character.isspace()
    return ""


def _further(said: str, space: str) -> str:
    """Return what `space` adds to the white space `said`: nothing that would be seen twice."""
    if space.startswith(said):
        return space[len(said) :]
    return "\n" * (space.count("\n") - said.count("\n"))
