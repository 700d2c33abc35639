"""JSON in requests: objects, and such as every upstream takes."""

from __future__ import annotations

import pytest

from streamsvc.errors import FieldInvalid
from streamsvc.json_text import json_object


@pytest.mark.parametrize(("text", "value"), [("", {}), ("{}", {}), (' {"a": [1, "é"]} ', {"a": [1, "é"]})])
def test_an_object_is_returned(text: str, value: object) -> None:
    assert json_object("extra", text) == value


@pytest.mark.parametrize("text", ["{", "words", '{"a": NaN}', r'{"a": "\ud800"}', "[" * 100_000])
def test_what_cannot_be_sent_on_is_not_json(text: str) -> None:
    with pytest.raises(FieldInvalid, match=r"^extra: is not JSON"):
        json_object("extra", text)


@pytest.mark.parametrize(("text", "kind"), [("[1]", "list"), ("7", "int"), ("null", "NoneType")])
def test_anything_but_an_object_is_refused(text: str, kind: str) -> None:
    with pytest.raises(FieldInvalid, match=f"must be a JSON object, such as {{}}, not {kind}"):
        json_object("extra", text)
