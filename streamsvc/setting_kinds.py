"""How settings are written: durations, sizes, addresses, where logs are kept; and how they are shown."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from streamsvc.store.redis import uri

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def parse_duration(value: object) -> object:
    """Return the timedelta of `250ms`, `10s`, `5m`, `1h`, `7d` or a plain number of seconds.

    >>> parse_duration("250ms")
    datetime.timedelta(microseconds=250000)
    """
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?", str(value).strip())
    if found is None:
        raise ValueError("write a duration as 250ms, 10s, 5m, 1h or a number of seconds")
    # No setting may be so long; a number that no timedelta can hold is refused by the bounds like any other.
    return timedelta(seconds=min(float(found[1]) * _UNITS[found[2] or "s"], 1e9))


def parse_size(value: object) -> object:
    """Return the bytes of `64KiB`, `1MiB`, `1GiB` or a plain number.

    >>> parse_size("64KiB")
    65536
    """
    found = re.fullmatch(r"(\d{1,18})\s*(KiB|MiB|GiB)?", str(value).strip())
    if found is None:
        raise ValueError("write a size as 64KiB, 1MiB, 1GiB or a number of bytes")
    return int(found[1]) * _SIZES.get(found[2] or "", 1)


def within(low: timedelta, high: timedelta) -> AfterValidator:
    def check(value: timedelta) -> timedelta:
        if not low <= value <= high:
            raise ValueError(f"must be from {show(low)} to {show(high)}")
        return value

    return AfterValidator(check)


def _address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not (host and colon and port.isdecimal() and int(port) < 65536):
        raise ValueError("write HOST:PORT, such as 127.0.0.1:50051")
    return value


def _store(value: str) -> str:
    if value != "memory":
        try:
            uri.parse(value)
        except ValueError as error:
            raise ValueError(f"{error}; or write memory") from None
    return value


def _redis(value: str) -> str:
    if value:
        uri.parse(uri.cluster_of(value) if uri.several(value) else value)
    return value


def _prefix(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_:-]{1,64}", value) is None:
        raise ValueError("write 1 to 64 letters, digits and _ - :")
    return value


_ms, _s, _d = timedelta(milliseconds=1), timedelta(seconds=1), timedelta(days=1)
Duration = Annotated[timedelta, BeforeValidator(parse_duration), within(_ms, 30 * _d)]
Size = Annotated[int, BeforeValidator(parse_size), Field(ge=1024)]
Address = Annotated[str, AfterValidator(_address)]
AddressOrNone = Annotated[str, AfterValidator(lambda value: value if value == "none" else _address(value))]
StoreUri = Annotated[str, AfterValidator(_store)]
RedisUri = Annotated[str, AfterValidator(_redis)]
KeyPrefix = Annotated[str, AfterValidator(_prefix)]


def show(value: object) -> str:
    """Return a value as it would be written."""
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        largest = [unit for unit in reversed(_UNITS) if seconds >= _UNITS[unit] and not seconds % _UNITS[unit]]
        unit = largest[0] if largest else "ms" if 0 < seconds < 1 else "s"
        return f"{seconds / _UNITS[unit]:g}{unit}"
    if isinstance(value, dict):
        return ", ".join(value) or "none"
    if isinstance(value, int) and value >= 1024:
        unit = next((unit for unit in reversed(_SIZES) if not value % _SIZES[unit]), "")
        return f"{value // _SIZES.get(unit, 1)}{unit}"
    if isinstance(value, SecretStr):
        return "***" if value.get_secret_value() else "none"
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value in (None, "") else uri.masked(str(value))
