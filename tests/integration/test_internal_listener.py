"""Where the service listens for processes that write jobs: beside its public address, elsewhere, or nowhere."""

from __future__ import annotations

import socket

import pytest

from streamsvc import settings
from streamsvc.server.app import CannotListen, ServerOptions
from streamsvc.v1 import producer_service_pb2 as pb
from tests.support.calls import refused
from tests.support.outside import inside, producer_stub_of
from tests.support.service import app


@pytest.mark.parametrize(
    ("given", "address", "source"),
    [
        ({}, "127.0.0.1:50052", "default"),
        ({"listen": "0.0.0.0:6000"}, "127.0.0.1:6001", "listen, command line"),
        ({"listen": "127.0.0.1:0"}, "127.0.0.1:0", "listen, command line"),
        ({"listen": "127.0.0.1:6000", "internal_listen": "10.0.0.1:7"}, "10.0.0.1:7", "command line"),
        ({"internal_listen": "none"}, "none", "command line"),
    ],
)
def test_it_follows_the_public_port_unless_it_is_set(given: dict[str, str], address: str, source: str) -> None:
    loaded, sources = settings.load(given)
    assert (loaded.internal_listen, sources["internal_listen"]) == (address, source)


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(settings.BadSetting, match="setting internal_listen: write HOST:PORT"):
        settings.load({"internal_listen": "nowhere"})


async def test_a_port_that_is_taken_is_told_with_the_option_to_change() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(CannotListen, match="choose another address with --internal-listen HOST:PORT"):
            async with app(server=ServerOptions(listen="127.0.0.1:0", internal_listen=address)):
                pass


async def test_without_one_nobody_writes_jobs_from_outside() -> None:
    async with app(server=ServerOptions(listen="127.0.0.1:0", internal_listen="none")) as (running, address):
        assert running.internal_address == ""
        async with producer_stub_of(address) as stub:
            assert (await refused(stub.CreateJob(pb.CreateJobRequest()))).code == "UNIMPLEMENTED"


async def test_the_public_address_does_not_know_the_service_for_producers() -> None:
    async with inside() as service, producer_stub_of(service.address) as stub:
        assert (await refused(stub.ClaimJob(pb.ClaimJobRequest(producer="agent")))).code == "UNIMPLEMENTED"
