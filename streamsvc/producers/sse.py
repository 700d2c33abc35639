"""Server-sent events as an upstream sends them: bytes in, the data of each event out."""

from __future__ import annotations

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FIELDS = frozenset({b"data", b"event", b"id", b"retry"})


class SseDecoder:
    r"""Cuts a response into the data of its events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

    Lines end with CR, LF or CRLF and nothing else. Libraries that cut text at every Unicode line separator break JSON
    in which U+2028 stands unescaped, as several upstreams send it. Comments and the fields other than `data` are
    skipped: the upstreams repeat in the data what those say.

    >>> SseDecoder().feed(b': busy\r\ndata: {"a": 1}\r\n\r\ndata: {"b"')
    [b'{"a": 1}']
    """

    def __init__(self, *, max_event_bytes: int = 16 * 1024 * 1024) -> None:
        self._max_event_bytes = max_event_bytes
        self._begun = False
        self._ended_with_return = False
        self._rest: list[bytes] = []
        self._data: list[bytes] = []
        self._held = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of the events that `chunk` completes.

        Raises ValueError if the bytes are not an event stream, or an event is larger than `max_event_bytes`.
        """
        if self._ended_with_return and chunk:
            self._ended_with_return = False
            chunk = chunk.removeprefix(b"\n")
        if not chunk:
            return []
        self._ended_with_return = chunk.endswith(b"\r")
        self._held += len(chunk)
        if b"\n" not in chunk and b"\r" not in chunk:
            self._rest.append(chunk)
            self._check_size()
            return []
        lines = b"".join((*self._rest, chunk)).splitlines(keepends=True)
        self._rest = [] if lines[-1].endswith((b"\n", b"\r")) else [lines.pop()]
        return self._events(lines)

    def end(self) -> list[bytes]:
        """Return what is left at the end of the response: an event whose lines are whole but for the blank one.

        A line that was cut off is dropped: it is no data, except for the word that ends a chat.

        Raises ValueError if the bytes were not an event stream.
        """
        rest, self._rest = b"".join(self._rest), []
        if rest.startswith(b"data:") and rest[5:].strip() == b"[DONE]":
            self._take(rest)
        elif not self._begun and rest.startswith((b"<", b"{")):
            raise ValueError("this is not an event stream")
        return self._events([b"\n"])

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events: list[bytes] = []
        for ended in lines:
            line = ended.rstrip(b"\r\n")
            if line:
                self._take(line)
            elif self._data:
                events.append(b"\n".join(self._data))
                self._data = []
        self._held = sum(map(len, self._rest)) + sum(map(len, self._data))
        self._check_size()
        return events

    def _take(self, line: bytes) -> None:
        if not self._begun:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if line.startswith(b"data:"):
            self._begun = True
            self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
        elif not self._begun and line.partition(b":")[0] not in _FIELDS and not line.startswith(b":"):
            # Later on such a line is skipped, as the standard asks. As the first one it is a web page, or worse.
            raise ValueError("this is not an event stream")

    def _check_size(self) -> None:
        if self._held > self._max_event_bytes:
            raise ValueError(f"an event is larger than {self._max_event_bytes} bytes")
