"""What a server's error replies mean: not now, not here, or a bug."""

from __future__ import annotations

from dataclasses import dataclass

from hiredis import ReplyError

from streamsvc.errors import StoreUnavailable

Address = tuple[str, int]
"""Host and port of a server."""

OUT_OF_REACH = "the store cannot be reached"
NO_ANSWER = "the store does not answer"
CUT_OFF = "the connection to the store broke"
NOT_PRIMARY = "the store's server is not the primary any more"
BEING_MOVED = "a part of the store is being moved to another server"
SLOT_DOWN = "a part of the store's cluster is down"
TOO_FEW_REPLICAS = "the store has too few replicas"

_NOT_NOW = {
    "LOADING": "the store is loading its data",
    "READONLY": NOT_PRIMARY,
    "CLUSTERDOWN": SLOT_DOWN,
    "TRYAGAIN": BEING_MOVED,
    "OOM": "the store's memory is full",
    "MISCONF": "the store cannot write to its disk",
    "NOREPLICAS": TOO_FEW_REPLICAS,
    "MASTERDOWN": "the store's replica has lost its primary",
    "BUSY": "the store is busy with a script that does not end",
    "NOAUTH": "the store asks for a password",
    "WRONGPASS": "the store refuses the user or the password",
    "NOPERM": "the store's user may not do this",
}

ELSEWHERE = frozenset({"READONLY", "MASTERDOWN", "NOAUTH"})
"""Errors that a new connection may not meet: it asks who is the primary, and signs in."""


@dataclass(frozen=True)
class Redirected(Exception):
    """A server of a cluster names another one that has the keys: for this one call while they are moved (`once`).

    An address without a host means the host that said so.
    """

    address: Address
    once: bool


def code_of(error: ReplyError) -> str:
    """Return the first word of an error reply, such as MOVED."""
    return str(error).partition(" ")[0]


def failure_of(error: ReplyError) -> Exception:
    """Return what an error reply means: StoreUnavailable, Redirected, or the error itself, which is a bug."""
    code = code_of(error)
    if code in _NOT_NOW:
        return StoreUnavailable(_NOT_NOW[code])
    if code in ("MOVED", "ASK"):
        # "MOVED 3999 127.0.0.1:6381": the slot, and the server that has it. An IPv6 address has no brackets.
        host, _, port = str(error).rpartition(" ")[2].rpartition(":")
        return Redirected((host, int(port)), once=code == "ASK")
    return error
