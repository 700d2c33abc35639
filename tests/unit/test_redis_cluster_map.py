"""The map of a cluster: whom it believes, and whom it asks again."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import hiredis
import pytest

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.cluster import Cluster
from streamsvc.store.redis.dialer import Dialer
from streamsvc.store.redis.failures import Address, Redirected, failure_of
from streamsvc.store.redis.wire import Wire

ONE, TWO, THREE = ("one", 1), ("two", 2), ("three", 3)


class Answers:
    """Stands in for a Dialer: the map that each node has, None for one that is away."""

    def __init__(self, **maps: Any) -> None:
        self.maps = maps
        self.asked: list[str] = []

    async def ask(self, address: Address, *_: bytes) -> Any:
        self.asked.append(address[0])
        await asyncio.sleep(0)
        if self.maps.get(address[0]) is None:
            raise StoreUnavailable("away")
        return self.maps[address[0]]

    async def dial(self, address: Address) -> Wire:
        raise StoreUnavailable(f"{address} is not called here")


def cluster_of(answers: Answers, *seeds: Address) -> Cluster:
    """Return a cluster that asks these seeds."""
    return Cluster(seeds, cast("Dialer", answers), 0)


def whole(address: Address) -> list[Any]:
    """Return the map of a cluster in which one node has all slots."""
    return [[0, 16383, [address[0].encode(), address[1], b"id"], [b"replica", 9, b"id"]]]


@pytest.mark.parametrize(
    ("reply", "address", "once"),
    [
        ("MOVED 3999 127.0.0.1:6381", ("127.0.0.1", 6381), False),
        ("ASK 3999 redis-2.example:6381", ("redis-2.example", 6381), True),
        ("MOVED 1 2001:db8::1:6381", ("2001:db8::1", 6381), False),
        ("MOVED 1 :6381", ("", 6381), False),
    ],
)
def test_redirections(reply: str, address: Address, once: bool) -> None:
    assert failure_of(hiredis.ReplyError(reply)) == Redirected(address, once)


async def test_the_map_is_asked_for_once_by_all_who_need_it() -> None:
    answers = Answers(one=whole(TWO))
    cluster = cluster_of(answers, ONE)
    homes = await asyncio.gather(*(cluster.home(b"%d" % number) for number in range(50)))
    assert len(set(homes)) == 1
    assert answers.asked == ["one"]


async def test_all_who_wait_for_a_map_that_nobody_has_fail_together() -> None:
    answers = Answers()
    cluster = cluster_of(answers, ONE, TWO)
    outcomes = await asyncio.gather(*(cluster.home(b"x") for _ in range(50)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    assert answers.asked == ["one", "two"]


async def test_one_that_is_cancelled_leaves_the_asking_to_the_next() -> None:
    cluster = cluster_of(Answers(one=whole(TWO)), ONE)
    first, second = (asyncio.create_task(cluster.home(b"x")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is await cluster.home(b"y")


async def test_the_next_time_another_node_is_asked_first() -> None:
    answers = Answers(one=whole(ONE), two=whole(ONE))
    cluster = cluster_of(answers, ONE, TWO)
    for _ in range(4):
        await cluster.refresh()
    assert answers.asked == ["one", "two", "one", "two"]


async def test_a_node_that_knows_nothing_is_not_believed() -> None:
    answers = Answers(one=[], two=whole(THREE))
    cluster = cluster_of(answers, ONE, TWO)
    home = await cluster.home(b"x")
    answers.maps["two"] = None
    with pytest.raises(StoreUnavailable):
        await cluster.refresh()
    assert await cluster.home(b"x") is home


async def test_nodes_that_were_found_are_asked_as_long_as_they_are_part_of_it() -> None:
    answers = Answers(one=whole(TWO), two=whole(THREE), three=whole(THREE))
    cluster = cluster_of(answers, ONE)
    await cluster.refresh()
    answers.maps["one"] = None
    for _ in range(5):
        await cluster.refresh()
    assert answers.asked.count("two") == 1
    assert answers.asked[-1] == "three"


async def test_a_redirection_corrects_one_slot_and_one_for_a_single_call_none() -> None:
    cluster = cluster_of(Answers(one=whole(ONE)), ONE)
    home = await cluster.home(b"x")
    at_two = cluster.follow(Redirected(TWO, once=True), b"x", home)
    assert at_two is not home
    assert await cluster.home(b"x") is home
    assert cluster.follow(Redirected(TWO, once=False), b"x", home) is at_two
    assert await cluster.home(b"x") is at_two
    assert await cluster.home(b"y") is home
    assert cluster.follow(Redirected(("", 5), once=False), b"x", home).host == "one"


async def test_a_slot_that_nobody_has() -> None:
    hole = [[0, 99, [b"one", 1]]]
    cluster = cluster_of(Answers(one=hole), ONE)
    with pytest.raises(StoreUnavailable, match="a part of the store's cluster is down"):
        await cluster.home(b"foo")
    await cluster.close()
