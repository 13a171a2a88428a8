"""What webhooks must never reach: our own network, however it is spelled, resolved or redirected to.

Each address of the corpus is either refused when it is given, or refused at the socket. Two witnesses: a canary that
listens on the loopback addresses, and the network itself, which notes every connection that is asked of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpcore
import pytest
import pytest_asyncio

from kilo_gql.domain.webhook_rules import checked_url
from kilo_gql.errors import BadRequest
from kilo_gql.outbound import Outbound, Reply, resolve
from kilo_gql.public_addresses import is_public
from tests.support.receiver import Receiver, receiving

NOW = datetime(2026, 11, 21, tzinfo=UTC)
NOT_PUBLIC = "The name leads to an address that is not public."
NOWHERE = "No connection: the name does not resolve, or nobody answers."
PUBLIC = "8.8.8.8"

#: What an address can be written as: IPv4 in every base and length, in IPv6, in names that resolvers know by heart.
LITERALS = [
    "http://127.0.0.1:{port}/", "http://127.0.0.2:{port}/", "http://127.1:{port}/", "http://127.0.1:{port}/",
    "http://0:{port}/", "http://0.0.0.0:{port}/", "http://0.0.0.1:{port}/", "http://2130706433:{port}/",
    "http://0x7f000001:{port}/", "http://0x7f.0.0.1:{port}/", "http://0x7f.1:{port}/", "http://0X7F000001:{port}/",
    "http://017700000001:{port}/", "http://0177.0.0.1:{port}/", "http://0177.0.0.01:{port}/",
    "http://00000177.0.0.1:{port}/", "http://127.0.0.1.:{port}/", "http://localhost:{port}/",
    "http://LOCALHOST:{port}/", "http://localhost.:{port}/", "http://[::1]:{port}/", "http://[::]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/", "http://[0000::1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/", "http://[0:0:0:0:0:ffff:127.0.0.1]:{port}/", "http://[::127.0.0.1]:{port}/",
    "http://[64:ff9b::127.0.0.1]:{port}/", "http://[64:ff9b::7f00:1]:{port}/", "http://[64:ff9b:1::1]:{port}/",
    "http://[64:ff9b::169.254.169.254]/", "http://[64:ff9b::10.0.0.1]/", "http://[2002:7f00:1::]:{port}/",
    "http://[2002:a9fe:a9fe::1]/", "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "http://[2001:db8::1]/",
    "http://[fe80::1]/", "http://[fe80::1%25lo]:{port}/", "http://[fec0::1]/", "http://[fc00::1]/",
    "http://[fd00:ec2::254]/latest/meta-data/", "http://[ff02::1]/", "http://[100::1]/", "http://[3fff::1]/",
    "http://[5f00::1]/", "http://[4000::1]/", "http://[::ffff:169.254.169.254]/", "http://[::ffff:0:127.0.0.1]/",
    "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/",
    "http://169.254.170.2/v2/credentials", "http://100.100.100.200/", "http://192.0.0.192/", "http://168.63.129.16/",
    "http://10.0.0.1/", "http://10.1/", "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.0.1/",
    "http://192.168.257/", "http://100.64.0.1/", "http://198.18.0.1/", "http://192.0.2.1/", "http://198.51.100.1/",
    "http://203.0.113.1/", "http://192.88.99.1/", "http://224.0.0.1/", "http://239.255.255.250:1900/",
    "http://240.0.0.1/", "http://255.255.255.255/", "https://127.0.0.1:{port}/", "https://[::1]:{port}/",
    "http://①②⑦.⓪.⓪.①:{port}/", "http://127。0。0。1:{port}/", "http://127%2e0%2e0%2e1:{port}/",
]  # fmt: skip
#: What is no address of a web server, or hides which one it is.
TRICKS = [
    "http://8.8.8.8@127.0.0.1:{port}/", "http://user:pass@127.0.0.1:{port}/", "http://8.8.8.8%40127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@8.8.8.8/", "http://8.8.8.8\\@127.0.0.1:{port}/", "http://8.8.8.8#@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#.example.org/", "http:// 127.0.0.1:{port}/", "http://127.0.0.1:{port}/\r\nX: y",
    "http://127.0.0.1 :{port}/", "http://127.0.0.1\t:{port}/", "file:///etc/passwd", "gopher://127.0.0.1:{port}/_x",
    "ftp://127.0.0.1:{port}/", "dict://127.0.0.1:{port}/", "ldap://127.0.0.1:{port}/", "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/", "jar:http://127.0.0.1:{port}/!/", "javascript:alert(1)",
    "data:text/plain,x", "//127.0.0.1:{port}/", "/hook", "", "http://", "http:///127.0.0.1", "http://:80/",
    "http://127.0.0.1:99999/", "http://[::1/", "http://[127.0.0.1]:{port}/", "http:127.0.0.1:{port}",
]  # fmt: skip
#: Names, and what they resolve to.
NAMES = {
    "metadata.google.internal": ["169.254.169.254"],
    "metadata.example.org": ["fd00:ec2::254"],
    "localtest.example.org": ["127.0.0.1"],
    "v6.example.org": ["::1"],
    "mapped.example.org": ["::ffff:127.0.0.1"],
    "mixed.example.org": [PUBLIC, "127.0.0.1"],
    "mixed-the-other-way.example.org": ["10.0.0.1", PUBLIC],
    "mixed-families.example.org": [PUBLIC, "::1"],
    "intranet": ["192.168.1.1"],
    "nat64.example.org": ["64:ff9b::7f00:1"],
    "zone.example.org": ["fe80::1%1"],
    "nonsense.example.org": ["not an address"],
}


class Network(httpcore.AsyncNetworkBackend):
    """A network that nobody answers in; it notes where connections were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def connect_tcp(self, host: str, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        self.asked.append(host)
        raise httpcore.ConnectError("nobody answers")

    async def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        self.asked.append(path)
        raise httpcore.ConnectError("nobody answers")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Names:
    """Answers for names in turn, the last answer again and again; addresses are looked up by the system."""

    def __init__(self, answers: Mapping[str, Sequence[Sequence[str] | OSError]] | None = None) -> None:
        self.answers = {name: list(turns) for name, turns in (answers or {}).items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.answers:
            return await resolve(host, port)
        turns = self.answers[host]
        answer = turns.pop(0) if len(turns) > 1 else turns[0]
        if isinstance(answer, OSError):
            raise answer
        return answer


async def sent(url: str, names: Names, network: Network | None = None, *, private: bool = False) -> Reply:
    async with Outbound(private=private, resolver=names, network=network) as outbound:
        return await outbound.post(url, {}, b"{}", NOW)


@pytest_asyncio.fixture
async def canary() -> AsyncIterator[Receiver]:
    """Something of ours that must not be reached."""
    async with receiving() as made:
        yield made


def test_the_corpus_is_large() -> None:
    assert len({*LITERALS, *TRICKS, *NAMES}) == len(LITERALS) + len(TRICKS) + len(NAMES) >= 120


def accepted(templates: Iterable[str], port: int) -> list[str]:
    """The addresses that may be given, as they are kept."""
    found = []
    for template in templates:
        with contextlib.suppress(BadRequest):
            found.append(checked_url(template.format(port=port)))
    return found


async def test_nothing_of_the_corpus_reaches_anything(canary: Receiver) -> None:
    network, names = Network(), Names({name: [found] for name, found in NAMES.items()})
    urls = accepted((*LITERALS, *(f"http://{name}:{{port}}/" for name in NAMES), *TRICKS), canary.port)
    assert len(urls) >= 80
    for url in urls:
        for reply in (await sent(url, names, network), await sent(url, names)):
            # where the system's resolver does not know a spelling, it leads nowhere at all
            assert (reply.status, reply.error in (NOT_PUBLIC, NOWHERE)) == (None, True), url
    assert (network.asked, canary.connections) == ([], 0)


def test_tricks_are_refused_when_they_are_given() -> None:
    assert accepted(TRICKS, 8080) == []


async def test_the_canary_sings_where_private_addresses_are_allowed(canary: Receiver) -> None:
    reply = await sent(canary.url, Names(), private=True)
    assert (reply.status, reply.error, canary.connections) == (204, None, 1)
    assert canary.received[0].headers["host"] == f"127.0.0.1:{canary.port}"


@pytest.mark.parametrize("name", NAMES)
async def test_one_bad_address_is_enough(name: str) -> None:
    network, names = Network(), Names({name: [NAMES[name]]})
    assert (await sent(f"http://{name}/", names, network)).error == NOT_PUBLIC
    assert (network.asked, names.asked) == ([], [name])


async def test_a_name_that_changes_its_mind_is_asked_once_for_each_connection(canary: Receiver) -> None:
    """Rebinding with a TTL of 0: what was checked is what is connected to."""
    network, names = Network(), Names({"rebind.example.org": [[PUBLIC], ["127.0.0.1"]]})
    url = f"http://rebind.example.org:{canary.port}/"
    assert (await sent(url, names, network)).error == NOWHERE
    assert (network.asked, names.asked) == ([PUBLIC], ["rebind.example.org"])
    assert (await sent(url, names, network)).error == NOT_PUBLIC
    assert (await sent(url, names)).error == NOT_PUBLIC
    assert (network.asked, canary.connections) == ([PUBLIC], 0)


async def test_a_name_that_resolves_at_the_second_try_is_judged_then(canary: Receiver) -> None:
    network = Network()
    names = Names({"late.example.org": [socket.gaierror(-3, "try again"), ["127.0.0.1"]]})
    url = f"http://late.example.org:{canary.port}/"
    assert (await sent(url, names, network)).error == NOWHERE
    assert (await sent(url, names, network)).error == NOT_PUBLIC
    assert (network.asked, canary.connections) == ([], 0)


async def test_all_addresses_of_a_good_name_are_tried(canary: Receiver) -> None:
    network, names = Network(), Names({"many.example.org": [[PUBLIC, "8.8.4.4", PUBLIC, "1.1.1.1", "9.9.9.9"]]})
    await sent("http://many.example.org/", names, network)
    assert network.asked == [PUBLIC, "8.8.4.4", "1.1.1.1"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_not_an_order(canary: Receiver, status: int) -> None:
    async with receiving() as receiver:
        receiver.always(status, location=canary.url)
        reply = await sent(receiver.url, Names(), private=True)
    assert (reply.status, reply.error, reply.ok) == (status, f"HTTP {status}", False)
    assert canary.connections == 0


async def test_no_proxy_of_the_environment_is_used(canary: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    async with receiving() as receiver:
        assert (await sent(receiver.url, Names(), private=True)).status == 204
        assert (receiver.connections, canary.connections) == (1, 0)


async def test_an_answer_tells_little() -> None:
    async with receiving() as receiver:
        receiver.always(500, b"\x00<b>no\n\n" + b"x" * 10_000_000)
        reply = await sent(receiver.url, Names(), private=True)
    assert reply.error == "HTTP 500: <b>no " + "x" * 194
    assert len(reply.error) == 210


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "192.0.1.1",
              "2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"],
)  # fmt: skip
def test_what_is_public(address: str) -> None:
    assert is_public(address)
