"""What an earlier attempt said, and the places from which a model can go on with it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from streamsvc.producers.parts import Parts
from streamsvc.v1 import content_pb2, event_pb2, state_pb2

_LONGEST_WORD = 64
_LAST_GAP = re.compile(r"\s+(?=\S+\Z)")
_NONE, _UPSTREAM = content_pb2.TOOL_RUNNER_UNSPECIFIED, content_pb2.TOOL_RUNNER_UPSTREAM
_ZERO_WIDTH_JOINER = "\u200d"


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as an earlier attempt left it.

    `text` and `reasoning` are what a model can go on from. Of the parts the first `kept` stay as they are; the text of
    the part `open_text` grows further, if it is not None. What follows the kept ones is begun anew, each part in the
    place of one of its kind: half a tool call, half the reasoning or a refusal is nothing that a model could be handed.
    `reasoned` tells whether the kept parts end with reasoning, `called` whether all was said but the end.
    """

    text: str = ""
    reasoning: str = ""
    kept: int = 0
    open_text: int | None = None
    anew: Sequence[content_pb2.ContentPart] = ()
    reasoned: bool = False
    called: bool = False

    @classmethod
    def of(cls, state: state_pb2.JobState) -> Said:
        """Return what `state` holds of the answer."""
        kept = next((place for place, part in enumerate(state.parts) if not _stays(part)), len(state.parts))
        parts, anew = state.parts[:kept], tuple(state.parts[kept:])
        last = parts[-1] if parts and not anew else None
        # Those that the upstream runs itself are no end: it goes on with what they gave.
        called = [part.completed for part in anew if part.tool_call.runner not in (_NONE, _UPSTREAM)]
        return cls(
            text="".join(part.text.text for part in parts),
            reasoning="".join(part.reasoning.text for part in parts),
            kept=kept,
            open_text=last.index if last is not None and not last.completed else None,
            anew=anew,
            reasoned=bool(parts) and parts[-1].HasField("reasoning"),
            # Calls are closed with the model's last word, never before.
            called=bool(called) and all(called),
        )

    def parts(self) -> Parts:
        """Return what opens the further parts."""
        return _Anew(self.kept, self.anew)

    def starts(self) -> Sequence[str]:
        """Return the beginnings of `text` to hand to a model, to be tried one after the other.

        The first one ends before the last word. Only there do a text and the tokens that it was said in have the same
        borders: a model that is handed half a word, or a space at the end, goes astray. It will say the word again, and
        most often the same, which proves that the endpoint does go on. If it does not, it has to be handed the whole.
        An empty beginning means to ask it from the start.
        """
        whole = self.text.rstrip()
        return [before_last_word(whole), whole] if whole else [""]


class _Anew(Parts):
    """Opens parts in the place of those that are begun anew, and further ones when none of the kind is left."""

    def __init__(self, kept: int, anew: Sequence[content_pb2.ContentPart]) -> None:
        super().__init__(kept + len(anew))
        self._places: dict[object, list[int]] = {}
        for part in anew:
            self._places.setdefault(_kind(part), []).append(part.index)

    def start(self, part: content_pb2.ContentPart) -> tuple[int, event_pb2.Event]:
        places = self._places.get(_kind(part))
        if not places:
            return super().start(part)
        part.index = places.pop(0)
        return part.index, event_pb2.Event(part_replaced=event_pb2.PartReplaced(part=part))


def before_last_word(text: str) -> str:
    """Return a text that ends with a word without it and the space before it.

    Scripts without spaces have no words that could be told apart here. Of such a text, if it is long, only the last
    character is left out, with all that is joined to it.
    """
    begin = max(0, len(text) - _LONGEST_WORD)
    if gap := _LAST_GAP.search(text, begin):
        return text[: gap.start()].rstrip()
    return text[: _last_character(text)] if begin else ""


def _last_character(text: str) -> int:
    """Return where the last character begins, as people count: marks, skin tones, joined and paired ones included."""
    place = len(text) - 1
    while place > 0 and (_joins(text[place]) or text[place - 1] == _ZERO_WIDTH_JOINER or _pairs(text[place - 1])):
        place -= 1
    return place


def _joins(character: str) -> bool:
    return character == _ZERO_WIDTH_JOINER or unicodedata.category(character) in ("Mn", "Mc", "Me", "Sk")


def _pairs(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _kind(part: content_pb2.ContentPart) -> tuple[str | None, bool]:
    return part.WhichOneof("kind"), part.text.refusal


def _stays(part: content_pb2.ContentPart) -> bool:
    kind, refusal = _kind(part)
    return (kind == "text" and not refusal) or (kind == "reasoning" and part.completed)
