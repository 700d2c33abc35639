"""A model's answer as Markdown for a terminal: every word of it is shown, its line breaks are kept."""

from __future__ import annotations

from collections.abc import Iterable

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markdown import Markdown
from rich.segment import Segment

from streamsvc.cli.terminal import printable

MAX_CHARACTERS = 400_000
"""A longer text is shown as it is, with lines broken by the terminal: to lay it out would take many seconds."""

# Without HTML: rich leaves out what it takes for a tag, and answers about HTML would have holes.
_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])


def markdown(text: str) -> RenderableType:
    """Return `text` laid out."""
    text = printable(text)
    if len(text) > MAX_CHARACTERS:
        return _AsItIs(text)
    laid_out = Markdown("", hyperlinks=False)
    laid_out.markup = text
    laid_out.parsed = _PARSER.parse(text)
    _keep_all(laid_out.parsed)
    return laid_out


class _AsItIs:
    def __init__(self, text: str) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Segment(self._text.removesuffix("\n") + "\n")


def _keep_all(tokens: Iterable[Token]) -> None:
    """Keep what would be lost: breaks of lines, and the addresses of images."""
    for token in tokens:
        if token.type == "softbreak":
            token.type = "hardbreak"
        elif token.type == "image":
            token.type, token.tag = "text", ""
            token.content = f"{token.content or 'image'} ({token.attrGet('src')})"
            token.children = None
        _keep_all(token.children or ())
