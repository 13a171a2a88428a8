"""The public API as one caller uses it: calls are repeated while the server is away, and a session is kept alive."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

import httpx

from kilo_gql.errors import KiloError, Unavailable

#: Seconds without any answer after which a call, or a file, is given up.
PATIENCE: Final = 600.0
#: Statuses that a repeated call may get over.
_PASSING: Final = frozenset((429, 502, 503, 504))
_TIMEOUT: Final = httpx.Timeout(60, connect=10, pool=None)


class Refused(KiloError):
    """The server's refusal, in its own words. ``answered`` is the HTTP status."""

    def __init__(self, answered: int, error: Mapping[str, Any], retry_after: float | None = None) -> None:
        code = error.get("code")
        super().__init__(
            str(error.get("message") or f"The server answered {answered}."),
            code=code,
            details=error.get("details"),
            remediation=error.get("remediation") or (),
            retry_after=retry_after,
        )
        self.answered = answered

    @classmethod
    def of(cls, response: httpx.Response) -> Refused:
        """What a response with its body read says; an answer that is not ours has a status only."""
        try:
            body = response.json()
        except ValueError:
            body = None
        seconds = response.headers.get("retry-after", "")
        retry_after = float(seconds) if seconds.isdecimal() else None
        return cls(response.status_code, body if isinstance(body, dict) else {}, retry_after)


class Backoff:
    """How long to wait before the next try: twice as long each time, up to ``most`` seconds, with full jitter.

    (Brooker, "Exponential Backoff and Jitter", 2015.) Patience begins anew with each ``progress``.
    """

    def __init__(self, patience: float = PATIENCE, first: float = 0.25, most: float = 5.0) -> None:
        self._patience, self._first, self._most = patience, first, most
        self.progress()

    def progress(self) -> None:
        """Something went well."""
        self._tries, self._since = 0, time.monotonic()

    @property
    def exhausted(self) -> bool:
        return time.monotonic() - self._since > self._patience

    async def wait(self, at_least: float | None = None) -> None:
        """Sleep; ``at_least`` is what the server asked for."""
        ceiling = min(self._most, self._first * 2**self._tries)
        self._tries += 1
        await asyncio.sleep(max(at_least or 0.0, random.uniform(0, ceiling)))  # noqa: S311 - spreads load, hides nothing


class Credentials(Protocol):
    """A proof of identity to send with each call."""

    bearer: str

    async def renew(self, http: httpx.AsyncClient) -> bool:
        """Get a newer one after a 401; False if there is none."""


@dataclass(slots=True)
class Token:
    """An API token, or an access token that somebody else renews."""

    bearer: str

    async def renew(self, http: httpx.AsyncClient) -> bool:
        """There is no newer one."""
        return False


@dataclass(slots=True)
class Session:
    """Signed in by a one-time link; the access token lasts a quarter of an hour and is renewed."""

    bearer: str
    refresh: str

    @classmethod
    async def by_link(cls, http: httpx.AsyncClient, link: str) -> Session:
        """Use a sign-in link up. Raises Refused, or Unavailable."""
        named = parse_qs(urlsplit(link).query)
        proof = {"challengeId": named["challenge"][0], "code": named["code"][0]}
        try:
            response = await http.post("/v1/auth/verify", json=proof)
        except httpx.TransportError as error:
            raise unreachable(http, str(error)) from None
        if response.is_error:
            raise Refused.of(response)
        tokens = response.json()
        return cls(tokens["accessToken"], tokens["refreshToken"])

    async def renew(self, http: httpx.AsyncClient) -> bool:
        """Exchange the refresh token; False if the session has ended."""
        response = await http.post("/v1/auth/refresh", json={"refreshToken": self.refresh})
        if response.is_error:
            return False
        tokens = response.json()
        self.bearer, self.refresh = tokens["accessToken"], tokens["refreshToken"]
        return True

    async def end(self, http: httpx.AsyncClient) -> None:
        """Sign out; nothing happens if the server is not there."""
        with contextlib.suppress(httpx.HTTPError):
            await http.post("/v1/auth/logout", headers={"authorization": f"Bearer {self.bearer}"})


class Client:
    """Calls of one caller. ``notice`` is told, for a person, why a call has to wait, and None when it goes on."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        credentials: Credentials,
        notice: Callable[[str | None], None] = lambda _: None,
        patience: float = PATIENCE,
    ) -> None:
        self.http, self.notice, self.patience = http, notice, patience
        self._credentials = credentials
        self._renewing = asyncio.Lock()

    def headers(self) -> dict[str, str]:
        """What every call carries."""
        return {"authorization": f"Bearer {self._credentials.bearer}"}

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """One REST call below ``/v1``; its JSON. Raises Refused, or Unavailable when patience is at its end."""
        return await self._repeated(method, f"/v1{path}", body)

    async def graphql(self, query: str, **variables: Any) -> Any:
        """The ``data`` of one GraphQL document. Raises Refused."""
        answer = await self._repeated("POST", "/graphql", {"query": query, "variables": variables})
        if answer.get("errors"):
            first = answer["errors"][0]
            raise Refused(200, {"message": first["message"], **first.get("extensions", {})})
        return answer["data"]

    async def renewed(self, refused: str) -> bool:
        """After a 401 to the bearer ``refused``: is there a newer one? Several callers renew once."""
        async with self._renewing:
            return self._credentials.bearer != refused or await self._credentials.renew(self.http)

    async def _repeated(self, method: str, path: str, body: Any) -> Any:
        backoff = Backoff(self.patience)
        while True:
            bearer, refused = self._credentials.bearer, None
            try:
                response = await self.http.request(method, path, json=body, headers=self.headers())
                if response.is_success:
                    self.notice(None)
                    return response.json() if response.content else None
                if response.status_code == 401 and await self.renewed(bearer):
                    continue
                refused = Refused.of(response)
                if response.status_code not in _PASSING:
                    raise refused
                self.notice(refused.message)
            except httpx.TransportError as error:
                self.notice(f"The server does not answer ({type(error).__name__}); trying again.")
            await self.again(backoff, refused)

    async def again(self, backoff: Backoff, refused: Refused | None = None) -> None:
        """Wait for the next try. Raises Unavailable, with the last refusal's reason, when patience is at its end."""
        if backoff.exhausted:
            raise unreachable(self.http, refused.message if refused else "It does not answer.")
        await backoff.wait(refused.retry_after if refused else None)


def unreachable(http: httpx.AsyncClient, reason: str) -> Unavailable:
    """The server cannot be had, for all patience."""
    return Unavailable(
        f"The server at {http.base_url} was waited for in vain: {reason}",
        code="server_unreachable",
        remediation=["Check its address, and that it runs.", "Run the same command again: it goes on where it was."],
    )


def open_http(url: str) -> httpx.AsyncClient:
    """An HTTP client for a server: connections are kept, nothing is taken from the environment."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=16)
    return httpx.AsyncClient(base_url=url, timeout=_TIMEOUT, limits=limits)
