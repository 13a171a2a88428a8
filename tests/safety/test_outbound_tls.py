"""HTTPS to a checked address: the certificate is the name's, and so are Host and SNI."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

import pytest

from kilo_gql.outbound import Outbound, Reply
from tests.support.receiver import receiving

NAME = "hooks.example.org"


class Server:
    """A server's context with a certificate for ``NAME``; ``asked``: the names that clients asked for (SNI)."""

    def __init__(self, folder: Path) -> None:
        if which("openssl") is None:
            pytest.skip("openssl makes the certificate")
        key, self.certificate = folder / "key.pem", folder / "certificate.pem"
        made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        named = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
        files = ["-keyout", str(key), "-out", str(self.certificate)]
        subprocess.run(["openssl", *made, *named, *files], check=True, capture_output=True)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(self.certificate, key)
        self.context.sni_callback = lambda _, name, __: self.asked.append(name)
        self.asked: list[str | None] = []

    def trusted(self) -> ssl.SSLContext:
        """What a client has that knows who signed."""
        return ssl.create_default_context(cafile=str(self.certificate))


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


async def here(host: str, port: int) -> Sequence[str]:
    """Every name leads to this machine."""
    return ["127.0.0.1"]


async def sent(url: str, tls: ssl.SSLContext | None) -> Reply:
    async with Outbound(private=True, resolver=here, tls=tls) as outbound:
        return await outbound.post(url, {}, b"{}", datetime(2026, 11, 21, tzinfo=UTC))


async def test_the_name_stays_the_name(server: Server) -> None:
    async with receiving(server.context) as receiver:
        reply = await sent(f"https://{NAME}:{receiver.port}/hook?x=1", server.trusted())
        assert (reply.status, reply.error) == (204, None)
        [one] = receiver.received
        assert (one.target, one.headers["host"], server.asked) == ("/hook?x=1", f"{NAME}:{receiver.port}", [NAME])


@pytest.mark.parametrize("host", ["other.example.org", "127.0.0.1"])
async def test_a_certificate_of_another_name_is_refused(server: Server, host: str) -> None:
    async with receiving(server.context) as receiver:
        reply = await sent(f"https://{host}:{receiver.port}/", server.trusted())
        assert (reply.status, reply.error) == (None, "The certificate is not good, or TLS failed.")
        assert receiver.received == []


async def test_a_certificate_that_nobody_signed_is_refused(server: Server) -> None:
    async with receiving(server.context) as receiver:
        reply = await sent(f"https://{NAME}:{receiver.port}/", None)
        assert (reply.status, reply.error) == (None, "The certificate is not good, or TLS failed.")
        assert receiver.received == []


async def test_plain_http_at_a_port_of_https(server: Server) -> None:
    async with receiving() as receiver:
        reply = await sent(f"https://{NAME}:{receiver.port}/", server.trusted())
        assert (reply.status, receiver.received) == (None, [])
