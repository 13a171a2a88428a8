"""``GET /g/{slug}/events``: what happens in a gallery, to whoever has its page open (server-sent events).

It is the project's stream, reduced: a message says which kind of thing to fetch anew, and of which photos.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from kilo_gql import gallery_visitors
from kilo_gql.domain import gallery_streams
from kilo_gql.domain.gallery_streams import GalleryStream, News, news_for
from kilo_gql.errors import Forbidden, NotFound, RateLimited, Unauthorized
from kilo_gql.events import Event, Position, Reset
from kilo_gql.graphql.socket import ProcessSeats
from kilo_gql.rest.machinery import client_address
from kilo_gql.rest.sse import End, Reading, Wording, last_event_id, stream
from kilo_gql.services import services

ROUTE: Final = "/g/{slug}/events"
#: Open pages of one gallery at one address: a party behind one router, but not a flood.
SEATS: Final = 64

_PURPOSE: Final = "gallery-cursors"
_PLACE: Final = struct.Struct(">QQ")
_TAG: Final = 16


class GalleryEvents:
    """The endpoint of ``ROUTE``, as raw ASGI."""

    def __init__(self) -> None:
        self._seats = ProcessSeats(SEATS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        house = services(request)
        await house.visitor(request)
        slug = request.path_params["slug"]
        proof = await gallery_visitors.proof(house, request)

        async def enter() -> GalleryStream:
            fresh = await gallery_visitors.proof(house, request)
            return (await house.throat.execute(fresh.actor, gallery_streams.follow_gallery, slug)).value

        async def allowed() -> bool | datetime:
            try:
                now = await enter()
            except (Unauthorized, Forbidden, NotFound):
                return False
            return now.guest == begun.guest and (now.ends_at or True)

        begun = await enter()
        wording = _GuestWording(house.settings.key, begun)
        after = last_event_id(request)
        reading = Reading(
            begun.project_id,
            proof.actor if begun.preview else begun.guest,
            wording.place(after) if after is not None else None,
            allowed,
            until=proof.expires_at,
            heartbeat=house.settings.events_heartbeat,
            lifetime=house.settings.stream_lifetime,
            wording=wording,
        )
        seat = f"{begun.guest.gallery_id} {client_address(request)}"
        if not self._seats.take(seat):
            raise RateLimited(
                "This gallery is open on very many screens at your address.",
                code="too_many_streams",
                remediation=["Close some; the page works without live updates."],
                retry_after=30,
            )
        try:
            with house.metrics.streams.track_inprogress():
                await stream(scope, receive, send, hub=house.hub, reading=reading)
        finally:
            self._seats.give_back(seat)


class _GuestWording(Wording):
    """Says to a guest what concerns the guest, under numbers that say nothing about the project."""

    def __init__(self, key: Callable[[str], bytes], entered: GalleryStream) -> None:
        self._key = key(_PURPOSE)
        self._guest = entered.guest

    def event(self, event: Event | Reset) -> bytes:
        news = news_for(self._guest, event)
        return b"" if news is None else b"id: %b\n%b" % (self.cursor(event.cursor).encode(), _message(news))

    def end(self, reason: End) -> bytes:
        """Only an end that is final is told; after any other the browser comes back by itself."""
        return b'data: {"type":"closed","assetIds":[]}\n\n' if reason in (End.REVOKED, End.EXPIRED) else b""

    def cursor(self, cursor: str) -> str:
        """The place, sealed: 43 characters of base64url.

        A synthetic IV (RFC 5297's construction, of HMAC-SHA256): the tag authenticates gallery and place, and is what
        the place is covered with.
        """
        at = Position.parse(cursor)
        assert at is not None, "the hub makes these"
        place = _PLACE.pack(at.epoch, at.seq)
        tag = self._tag(place)
        return base64.urlsafe_b64encode(tag + self._covered(tag, place)).rstrip(b"=").decode()

    def place(self, sealed: str) -> str:
        """The place behind a sealed cursor of this gallery; "" for anything else, which is then no place at all."""
        try:
            data = base64.b64decode(sealed + "=" * (-len(sealed) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return ""
        tag, place = data[:_TAG], self._covered(data[:_TAG], data[_TAG:])
        if len(place) != _PLACE.size or not hmac.compare_digest(tag, self._tag(place)):
            return ""
        return "{}-{}".format(*_PLACE.unpack(place))

    def _tag(self, place: bytes) -> bytes:
        return hmac.digest(self._key, self._guest.gallery_id.bytes + place, "sha256")[:_TAG]

    def _covered(self, tag: bytes, place: bytes) -> bytes:
        mask = hmac.digest(self._key, b"cover" + tag, "sha256")
        return bytes(a ^ b for a, b in zip(place, mask, strict=False))


def _message(news: News) -> bytes:
    said: dict[str, str | list[str]] = {"type": news.kind.value, "assetIds": _texts(news.asset_ids)}
    return b"data: %b\n\n" % orjson.dumps(said)


def _texts(ids: tuple[UUID, ...]) -> list[str]:
    return [str(one) for one in ids]
