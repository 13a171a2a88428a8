"""Requests to servers that users name: they reach the open internet and nothing of ours.

The check is at the socket. A name is resolved once, every address it has must be public, and the connection goes to
one of the addresses that were checked, so a name that resolves to something else a moment later gains nothing. Host
and SNI stay the name's, and TLS is verified against it. Redirects are not followed and no proxy of the environment is
used: either would lead around the check.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache, partial
from types import TracebackType
from typing import Any, Final, Self

import httpcore
import httpx

from kilo_gql.public_addresses import is_public

#: What a host and port are resolved to: IPv4 and IPv6 addresses as text. Raises OSError.
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

#: Seconds to reach a server, and for everything.
CONNECT: Final = 5.0
TOTAL: Final = 15.0
#: Bytes of an answer that are read, and characters of it that are kept.
_READ: Final = 16 << 10
_KEPT: Final = 200
#: Addresses of one name that are tried.
_TRIED: Final = 3
_CONNECTIONS: Final = 8
#: Names whose servers do not answer keep these threads waiting, and nobody else's.
_RESOLVING: Final = ThreadPoolExecutor(max_workers=8, thread_name_prefix="resolve")


class AddressRefused(Exception):
    """The name leads to an address that is not public."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a request. ``status`` None: no answer came, and ``error`` says why.

    ``error`` is safe to show: nothing of our network, and at most 200 printable characters of the answer.
    ``retry_after`` in seconds, where the answer asks for it. ``duration_ms`` in milliseconds.
    """

    status: int | None
    error: str | None
    retry_after: float | None
    duration_ms: int

    @property
    def ok(self) -> bool:
        """Was it accepted (2xx)?"""
        return self.status is not None and 200 <= self.status < 300


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, as the system finds them."""
    asked = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_RESOLVING, asked)
    return [str(address[4][0]) for address in found]


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to public addresses alone (to all, where the house allows ``private``)."""

    def __init__(self, network: httpcore.AsyncNetworkBackend, *, private: bool, resolver: Resolver) -> None:
        self._network = network
        self._private = private
        self._resolver = resolver

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's protocol
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to one of the host's addresses, all of which were checked. Raises AddressRefused, ConnectError."""
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in (await self._addresses(host, port))[:_TRIED]:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's protocol
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never: a socket file is nobody's server."""
        raise AddressRefused(path)

    async def sleep(self, seconds: float) -> None:
        """Wait between two tries."""
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = list(dict.fromkeys(await self._resolver(host, port)))
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name does not resolve") from error
        if not self._private and not all(is_public(address) for address in found):
            raise AddressRefused(host)
        return found


class Outbound:
    """Sends to users' servers. One for a batch of requests: connections are kept while it is open.

    ``private``: the house allows addresses of its own network. ``network``: what opens connections to addresses that
    were checked.
    """

    def __init__(
        self,
        *,
        private: bool = False,
        resolver: Resolver = resolve,
        network: httpcore.AsyncNetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or _tls(),
            max_connections=_CONNECTIONS,
            network_backend=GuardedBackend(network or httpcore.AnyIOBackend(), private=private, resolver=resolver),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.aclose()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, now: datetime) -> Reply:
        """Send a body, within 15 seconds. Never raises for what the other side does. ``now``: of the caller's clock."""
        begun = time.monotonic()
        status: int | None = None
        error: str | None = None
        retry_after = None
        try:
            async with asyncio.timeout(TOTAL), self._stream(url, headers, body) as response:
                status = response.status
                if not 200 <= response.status < 300:
                    error, retry_after = f"HTTP {status}", _seconds(response.headers, now)
                    error += await _beginning(response)
        except Exception as failure:
            # the status counts, even where the rest of the answer never comes
            error = error or (_why(failure) if status is None else None)
        return Reply(status, error, retry_after, round((time.monotonic() - begun) * 1000))

    def _stream(self, url: str, headers: Mapping[str, str], body: bytes) -> Any:
        parsed = httpx.URL(url)
        target = httpcore.URL(scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path)
        lines = [("Host", parsed.netloc.decode()), ("Accept-Encoding", "identity"), *headers.items()]
        timeout = {"connect": CONNECT, "read": TOTAL, "write": TOTAL, "pool": TOTAL}
        return self._pool.stream("POST", target, headers=lines, content=body, extensions={"timeout": timeout})


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


async def _beginning(response: httpcore.Response) -> str:
    """The first words of an answer, as one printable line after a colon; nothing if it is empty."""
    read = bytearray()
    async for chunk in response.aiter_stream():
        read += chunk
        if len(read) >= _READ:
            break
    text = "".join(char if char.isprintable() else " " for char in read[:_READ].decode("utf-8", "replace"))
    words = " ".join(text.split())[:_KEPT]
    return f": {words}" if words else ""


def _seconds(headers: Sequence[tuple[bytes, bytes]], now: datetime) -> float | None:
    """Retry-After (RFC 9110, 10.2.3): seconds, or a date; None if it is neither or not there."""
    text = next((value.decode("latin-1").strip() for name, value in headers if name.lower() == b"retry-after"), "")
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return float(text)
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    return None


#: Words for what went wrong before there was an answer. What the system says about it may name our network.
_WORDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (AddressRefused, "The name leads to an address that is not public."),
    (TimeoutError, "No answer within 15 seconds."),
    (httpcore.ConnectTimeout, "No connection within 5 seconds."),
    (httpcore.TimeoutException, "No answer within 15 seconds."),
    (ssl.SSLError, "The certificate is not good, or TLS failed."),
    (httpcore.ConnectError, "No connection: the name does not resolve, or nobody answers."),
    (httpcore.ProtocolError, "What answers does not speak HTTP."),
    (httpcore.NetworkError, "The connection broke."),
)


def _why(failure: Exception) -> str:
    if isinstance(failure.__cause__, ssl.SSLError) or isinstance(failure.__context__, ssl.SSLError):
        failure = ssl.SSLError()
    return next((words for kind, words in _WORDS if isinstance(failure, kind)), "The request could not be made.")
