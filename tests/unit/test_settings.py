"""Settings: how durations, sizes and addresses are written, and every bound."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from streamsvc.jobs.options import JobOptions
from streamsvc.server.app import ServerOptions
from streamsvc.settings import PREFIX, BadSetting, Settings, load, show

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def one(name: str, value: str) -> object:
    """Return a setting as it is read."""
    return getattr(load({name: value})[0], name)


def refusal(name: str, value: str) -> str:
    """Return why a setting is refused: one sentence that names it."""
    with pytest.raises(BadSetting) as refused:
        load({name: value})
    message = str(refused.value)
    assert name in message
    assert "\n" not in message
    assert "streamsvc.toml" not in message
    return message


@pytest.mark.parametrize(
    ("written", "duration"),
    [
        ("250ms", timedelta(milliseconds=250)),
        ("10s", timedelta(seconds=10)),
        ("1.5s", timedelta(milliseconds=1500)),
        ("5m", 5 * MINUTE),
        ("1h", 60 * MINUTE),
        ("7d", 7 * DAY),
        ("90", timedelta(seconds=90)),
        ("0.25", timedelta(milliseconds=250)),
        (" 10 s ", timedelta(seconds=10)),
    ],
)
def test_a_duration_has_a_unit_or_is_a_number_of_seconds(written: str, duration: timedelta) -> None:
    assert one("lease_ttl", written) == duration


@pytest.mark.parametrize("written", ["", "fast", "10 parsecs", "-5s", "1e3", "10S", "1h30m", "nan", "inf"])
def test_what_is_no_duration_is_refused_with_the_way_out(written: str) -> None:
    assert "250ms, 10s, 5m, 1h" in refusal("lease_ttl", written)


@pytest.mark.parametrize("written", ["9" * 30 + "d", "9" * 400, "9" * 5000 + "s"])
def test_a_duration_that_no_clock_can_hold_is_refused_as_any_other(written: str) -> None:
    refusal("lease_ttl", written)


@pytest.mark.parametrize(
    ("written", "size"),
    [("64KiB", 65536), ("1MiB", 1048576), ("2GiB", 2147483648), ("2048", 2048), (" 64 KiB ", 65536)],
)
def test_a_size_has_a_unit_or_is_a_number_of_bytes(written: str, size: int) -> None:
    assert one("max_log_bytes", written) == size


@pytest.mark.parametrize("written", ["", "big", "64KB", "1.5MiB", "-1", "1e6", "9" * 5000])
def test_what_is_no_size_is_refused_with_the_way_out(written: str) -> None:
    assert "64KiB, 1MiB, 1GiB" in refusal("max_log_bytes", written)


def test_a_size_has_a_lower_bound() -> None:
    assert one("max_event_bytes", "1024") == 1024
    refusal("max_event_bytes", "1023")


BOUNDS = [
    ("heartbeat_interval", "1s", "60s", "999ms", "61s"),
    ("flush_interval", "0", "200ms", None, "201ms"),
    ("retention", "0", "30d", None, "31d"),
    ("drain_jobs_grace", "0", "1d", None, "25h"),
    ("lease_ttl", "1ms", "30d", "0", "31d"),
    ("reaper_interval", "1ms", "30d", "0", "31d"),
    ("poll_interval", "1ms", "30d", "0", "31d"),
    ("reader_stall_timeout", "1ms", "30d", "0", "31d"),
    ("store_outage_limit", "1ms", "30d", "0", "31d"),
    ("safety_time", "1ms", "30d", "0", "31d"),
    ("max_attempts", "1", "100", "0", "101"),
]


@pytest.mark.parametrize(("name", "lowest", "highest", "too_low", "too_high"), BOUNDS)
def test_every_setting_has_bounds(
    name: str, lowest: str, highest: str, too_low: str | None, too_high: str | None
) -> None:
    one(name, lowest)
    one(name, highest)
    for value in (too_low, too_high):
        if value is not None:
            refusal(name, value)


@pytest.mark.parametrize("written", ["127.0.0.1:50051", "[::1]:0", "localhost:65535", "0.0.0.0:1"])
def test_an_address_is_host_and_port(written: str) -> None:
    assert one("listen", written) == written


@pytest.mark.parametrize("written", ["", "50051", ":50051", "localhost", "localhost:", "localhost:65536", "a:b"])
def test_what_is_no_address_is_refused_with_the_way_out(written: str) -> None:
    assert "HOST:PORT" in refusal("listen", written)


@pytest.mark.parametrize(("name", "value"), [("store", "floppy"), ("log_format", "xml"), ("max_attempts", "three")])
def test_a_word_that_is_not_known_is_refused(name: str, value: str) -> None:
    assert value not in refusal(name, value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(milliseconds=250), "250ms"),
        (timedelta(seconds=10), "10s"),
        (timedelta(seconds=90), "90s"),
        (5 * MINUTE, "5m"),
        (30 * DAY, "30d"),
        (timedelta(0), "0s"),
        (timedelta(milliseconds=1500), "1.5s"),
        (65536, "64KiB"),
        (2 * 1024**3, "2GiB"),
        (65537, "65537"),
        (100, "100"),
        ({}, "none"),
    ],
)
def test_a_value_is_shown_as_it_would_be_written(value: object, text: str) -> None:
    assert show(value) == text


def test_settings_cannot_be_changed() -> None:
    settings, _ = load({})
    with pytest.raises(Exception, match="frozen"):
        settings.listen = "127.0.0.1:1"


@pytest.mark.parametrize("options", [JobOptions(), ServerOptions()])
def test_the_defaults_are_the_same_with_and_without_settings(options: object) -> None:
    settings, _ = load({})
    # checkpoint_bytes is for Redis, options are for memory; an App by itself takes no jobs of others. Unless told.
    others = {"checkpoint_bytes", "internal_listen"}
    for name in set(type(options).__slots__) & set(Settings.model_fields) - others:  # type: ignore[attr-defined]
        assert getattr(settings, name) == getattr(options, name), name
