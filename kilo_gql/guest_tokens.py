"""Session tokens of gallery guests: signed, so that looking costs no row, and worth nothing once the gallery moved on.

``kgt_`` and base64url of gallery (16 bytes), guest (16), the gallery's version (4), the end in seconds since 1970 (8)
and HMAC-SHA256 (RFC 2104) over these.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from kilo_gql.access import Guest
from kilo_gql.errors import Unauthorized

PREFIX: Final = "kgt_"
#: How long a token in an answer is good for, and one in a cookie.
BEARER_FOR: Final = timedelta(hours=24)
COOKIE_FOR: Final = timedelta(days=60)

_BODY: Final = struct.Struct(">16s16sIQ")
_PURPOSE: Final = "guest-tokens"


@dataclass(frozen=True, slots=True)
class GuestSession:
    """What a token says: who, and until when."""

    guest: Guest
    expires_at: datetime


def guest_token(key: Callable[[str], bytes], guest: Guest, expires_at: datetime) -> str:
    """A session token for this guest. ``key`` makes the house's keys."""
    body = _BODY.pack(guest.gallery_id.bytes, guest.guest_id.bytes, guest.version, int(expires_at.timestamp()))
    return PREFIX + base64.urlsafe_b64encode(body + _signature(key, body)).rstrip(b"=").decode()


def read_guest_token(key: Callable[[str], bytes], token: str, now: datetime) -> GuestSession:
    """The session of a token of ours. Whether its gallery still knows it is for ``sharing.enter`` to say.

    Raises Unauthorized ``token_invalid`` or ``token_expired``.
    """
    data = _unbase64(token.removeprefix(PREFIX)) if token.startswith(PREFIX) else b""
    body, signature = data[: _BODY.size], data[_BODY.size :]
    if len(body) != _BODY.size or not hmac.compare_digest(signature, _signature(key, body)):
        raise Unauthorized("This token is not valid.", code="token_invalid", remediation=["Open the gallery again."])
    gallery, guest, version, expires = _BODY.unpack(body)
    if expires <= now.timestamp():
        raise Unauthorized("This token has expired.", code="token_expired", remediation=["Open the gallery again."])
    who = Guest(UUID(bytes=gallery), UUID(bytes=guest), version)
    return GuestSession(who, datetime.fromtimestamp(expires, UTC))


def _signature(key: Callable[[str], bytes], body: bytes) -> bytes:
    return hmac.digest(key(_PURPOSE), body, "sha256")


def _unbase64(text: str) -> bytes:
    """The bytes of canonical base64url; none for anything else."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text else b""
