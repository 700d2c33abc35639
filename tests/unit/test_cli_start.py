"""From the words on the command line to a request: prompt, files, parameters, labels."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from streamsvc.cli.errors import Mistake
from streamsvc.cli.options import Concurrency
from streamsvc.cli.prompt import MAX_BYTES, prompt_of
from streamsvc.cli.start import Asked, extra_of, labels_of, request_of
from streamsvc.v1 import content_pb2, job_service_pb2


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


def mistake_of(words: str | None = "why?", *files: str, stdin: io.BytesIO | None = None) -> str:
    with pytest.raises(Mistake) as made:
        prompt_of(words, files, stdin or Terminal())
    assert "\n" not in str(made.value)
    return str(made.value)


def test_words_are_the_prompt_and_standard_input_is_left_alone() -> None:
    piped = io.BytesIO(b"not this")
    assert prompt_of("why?", (), piped) == "why?"
    assert piped.tell() == 0


@pytest.mark.parametrize("words", ["-", None])
def test_what_is_piped_in_is_the_prompt(words: str | None) -> None:
    assert prompt_of(words, (), io.BytesIO("warum, für wen?\n".encode())) == "warum, für wen?"


def test_a_dash_reads_from_the_terminal_too() -> None:
    assert prompt_of("-", (), Terminal(b"typed\n")) == "typed"


def test_files_follow_the_prompt_with_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("print(1)\n")
    (tmp_path / "b.txt").write_text("no newline")
    asked = prompt_of("what is wrong?", ("src/a.py", str(tmp_path / "b.txt")), Terminal())
    assert asked == (
        'what is wrong?\n\n<file name="src/a.py">\nprint(1)\n</file>\n\n<file name="b.txt">\nno newline\n</file>'
    )


def test_standard_input_may_be_a_file_below_the_prompt() -> None:
    asked = prompt_of("sum up", ("-",), io.BytesIO(b"line\n"))
    assert asked == 'sum up\n\n<file name="standard input">\nline\n</file>'


def test_files_alone_are_a_prompt(tmp_path: Path) -> None:
    (tmp_path / "q.txt").write_text("why?")
    assert prompt_of(None, (str(tmp_path / "q.txt"),), Terminal()) == '<file name="q.txt">\nwhy?\n</file>'


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "q.txt").write_bytes(b"\xef\xbb\xbfwhy?")
    assert "\ufeff" not in prompt_of("x", (str(tmp_path / "q.txt"),), Terminal())


def test_nothing_to_ask_shows_how() -> None:
    assert 'streamsvc start "' in mistake_of(None)


@pytest.mark.parametrize(("words", "piped"), [("", b""), (" \n", b""), ("-", b"\n"), (None, b"")])
def test_an_empty_prompt_is_said(words: str | None, piped: bytes) -> None:
    assert mistake_of(words, stdin=io.BytesIO(piped)).startswith("the prompt is empty")


def test_standard_input_cannot_be_read_twice() -> None:
    assert "once" in mistake_of("-", "-")
    assert "once" in mistake_of("x", "-", "-")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert mistake_of("x", "no.txt") == "cannot read no.txt: there is no such file; check the path after --file"
    assert "it is a folder" in mistake_of("x", str(tmp_path))


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert mistake_of("x", "a.txt") == "cannot read a.txt: Permission denied; check the path after --file"


@pytest.mark.parametrize("content", [b"\x7fELF\x00\x01", b"\xff\xfe\x00", b"text\x00text"])
def test_a_file_that_is_no_text_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(content)
    assert "is no text in UTF-8" in mistake_of("x", str(tmp_path / "a.bin"))


def test_an_empty_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert "is empty" in mistake_of("x", str(tmp_path / "empty"))


def test_an_endless_file_is_not_read_to_its_end() -> None:
    assert "16 MiB" in mistake_of("-", stdin=io.BytesIO(b"x" * (MAX_BYTES + 1)))


def test_a_plain_start_is_a_prompt() -> None:
    request = request_of(Asked(), "why?", {}, Concurrency.ALLOW)
    assert request.prompt == "why?"
    assert not request.messages
    assert not request.parameters.HasField("temperature")
    assert not request.parameters.HasField("max_tokens")


def test_every_option_is_in_the_request() -> None:
    asked = Asked("c1", "local", "m", "Be brief.", 0.0, 7, '{"seed": 1}', "r1")
    request = request_of(asked, "why?", {"team": "search"}, Concurrency.REPLACE)
    assert [(message.role, message.parts[0].text.text) for message in request.messages] == [
        (content_pb2.ROLE_SYSTEM, "Be brief."),
        (content_pb2.ROLE_USER, "why?"),
    ]
    assert (request.conversation_id, request.producer, request.model, request.request_id) == ("c1", "local", "m", "r1")
    assert request.prompt == ""
    assert request.parameters.HasField("temperature")
    assert request.parameters.max_tokens == 7
    assert request.parameters.extra_json == '{"seed": 1}'
    assert dict(request.labels) == {"team": "search"}
    assert request.concurrency == job_service_pb2.CONCURRENCY_POLICY_REPLACE


@pytest.mark.parametrize("policy", [Concurrency.REJECT, Concurrency.REPLACE])
def test_a_policy_without_a_conversation_is_refused(policy: Concurrency) -> None:
    with pytest.raises(Mistake, match="add --conversation ID"):
        request_of(Asked(), "why?", {}, policy)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{tokens: 5}", "is not JSON: Expecting property name enclosed in double quotes at character 2"),
        ('{"tokens": 5', "is not JSON"),
        ("[1]", "is JSON, but no object"),
        ("[" * 100_000, "is nested too deep"),
    ],
)
def test_bad_json_says_where_and_how(text: str, said: str) -> None:
    with pytest.raises(Mistake) as made:
        extra_of(text)
    assert said in str(made.value)
    assert """--extra '{"seed": 7}'""" in str(made.value)


def test_json_is_passed_on_as_it_was_written() -> None:
    assert extra_of('{ "a" : 1.0 }') == '{ "a" : 1.0 }'
    assert extra_of(" ") == ""


def test_a_label_may_hold_what_it_wants() -> None:
    assert labels_of(["a=b=c", "d="]) == {"a": "b=c", "d": ""}


@pytest.mark.parametrize("text", ["alone", "=value"])
def test_a_label_without_a_key_or_value_is_refused(text: str) -> None:
    with pytest.raises(Mistake, match="write KEY=VALUE"):
        labels_of([text])
