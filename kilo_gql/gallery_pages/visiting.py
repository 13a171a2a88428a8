"""A visit to a gallery's pages: who is there, what they may ask, and how they are told that something did not work."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from kilo_gql import gallery_visitors
from kilo_gql.access import Actor
from kilo_gql.errors import BadRequest, Forbidden, KiloError, NotFound, TooLarge, not_found
from kilo_gql.gallery_pages.render import page
from kilo_gql.guest_tokens import COOKIE_FOR, guest_token, read_guest_token
from kilo_gql.operations import Operation
from kilo_gql.rest.machinery import problem
from kilo_gql.services import Services, services

R = TypeVar("R")

#: What the secret part of a gallery's address is made of.
_SLUG: Final = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
#: 2,000 characters of comment, percent-encoded, and the names of the fields.
_FORM_BYTES: Final = 32_768
#: What a missing session means on a page, which has given one to the browser.
_NO_COOKIE: Final = "Your browser did not keep this gallery's cookie. Allow cookies for this page, and open it again."
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Visit:
    """A request to a page of the gallery at ``slug``."""

    request: Request
    house: Services
    slug: str
    actor: Actor
    #: Until when the browser's session is good.
    expires_at: datetime | None

    @property
    def base(self) -> str:
        """The address of the gallery's first page."""
        return f"/g/{self.slug}"

    async def ask(self, operation: Operation[R], /, *arguments: Any, **named: Any) -> R:
        """Run an operation of the guests' side for whoever is there. Raises KiloError."""
        return (await self.house.throat.execute(self.actor, operation, self.slug, *arguments, **named)).value

    def page(self, template: str, status: int = 200, /, **values: Any) -> Response:
        """A page of this gallery."""
        base_url = self.house.settings.base_url.rstrip("/")
        return page(self.request, template, status, base=self.base, base_url=base_url, **values)

    def remember(self, response: Response, token: str) -> None:
        """Let the browser keep a guest's session for as long as cookies of galleries are good.

        One that it has already is sent again only after half of that time.
        """
        key, now = self.house.db.house.key, self.house.db.house.clock()
        guest = read_guest_token(key, token, now).guest
        if guest == self.actor and self.expires_at is not None and self.expires_at - now > COOKIE_FOR / 2:
            return
        cookie = guest_token(key, guest, now + COOKIE_FOR)
        secure = self.house.settings.base_url.startswith("https:")
        response.set_cookie(
            gallery_visitors.COOKIE,
            cookie,
            max_age=int(COOKIE_FOR.total_seconds()),
            path=self.base,
            httponly=True,
            secure=secure,
            samesite="lax",
        )

    def forget(self, response: Response) -> None:
        """Take a guest's session from the browser."""
        response.delete_cookie(gallery_visitors.COOKIE, path=self.base, httponly=True, samesite="lax")

    def back(self) -> str:
        """Where the visitor was, if that was a page of this gallery; else its first one."""
        referer = urlsplit(self.request.headers.get("referer", ""))
        here = referer.netloc == self.request.url.netloc
        if here and (referer.path == self.base or referer.path.startswith(f"{self.base}/")):
            return f"{referer.path}?{referer.query}" if referer.query else referer.path
        return self.base


def guarded(view: Callable[[Visit], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of a view: within the rate of an address, and with refusals as pages, or as JSON for scripts."""

    async def handle(request: Request) -> Response:
        house, slug = services(request), request.path_params["slug"]
        try:
            if _SLUG.fullmatch(slug) is None:
                raise not_found("gallery")
            await house.visitor(request)
            if request.method == "POST":
                require_same_origin(request, house.settings.base_url)
            proof = await gallery_visitors.proof(house, request)
            return await view(Visit(request, house, slug, proof.actor, proof.expires_at))
        except KiloError as error:
            return _refusal(request, error)

    return handle


def wants_json(request: Request) -> bool:
    """Is it a script that asks, rather than a browser that goes somewhere?"""
    return "application/json" in request.headers.get("accept", "")


def _refusal(request: Request, error: KiloError) -> Response:
    """A page that says so: one for everything that is not here, whyever that is."""
    if wants_json(request):
        return problem(error, request.scope["kilo_request_id"])
    if isinstance(error, NotFound):
        return page(request, "missing.html", 404)
    if error.code == "gallery_locked":  # the first page asks for the password
        return see_other(_base(request))
    response = page(request, "refused.html", error.status, said=_said(error), hints=_hints(error), back=_base(request))
    if error.retry_after is not None:
        response.headers["retry-after"] = str(max(1, round(error.retry_after)))
    return response


def _said(error: KiloError) -> str:
    return _NO_COOKIE if error.code == "guest_session_needed" else error.message


def _hints(error: KiloError) -> list[str]:
    return [] if error.code == "guest_session_needed" else error.remediation


def _base(request: Request) -> str:
    return f"/g/{quote(request.path_params['slug'], safe='')}"


def see_other(where: str) -> Response:
    """Go on there, by GET."""
    return RedirectResponse(where, 303, {"cache-control": "no-store"})


def require_same_origin(request: Request, base_url: str) -> None:
    """Forms and scripts of these pages alone may change something: cookies come along from elsewhere, too.

    ``Sec-Fetch-Site`` says it where the browser sends it; ``Origin`` where not. Without either, nobody knows. Raises
    Forbidden ``origin_not_allowed``.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        allowed = site == "same-origin"
    else:
        origin = request.headers.get("origin", "")
        allowed = origin == base_url.rstrip("/") or (
            origin.startswith(("http://", "https://")) and urlsplit(origin).netloc == request.headers.get("host")
        )
    if not allowed:
        raise Forbidden("Forms of this gallery are sent from its own pages.", code="origin_not_allowed")


async def form(visit: Visit) -> dict[str, str]:
    """The fields of a form, each with its last value. Raises BadRequest or TooLarge."""
    content_type = visit.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != _FORM:
        raise BadRequest(f"Send the form as {_FORM}.", code="unsupported_media_type")
    body = bytearray()
    async for chunk in visit.request.stream():
        body += chunk
        if len(body) > _FORM_BYTES:
            raise TooLarge(f"A form has at most {_FORM_BYTES:,} bytes.")
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=20))
    except ValueError:
        raise BadRequest("This form cannot be read.") from None
