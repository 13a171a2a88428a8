"""Keys that open a gallery's pictures for clients which send neither a header nor a cookie with them.

A key stands behind an address as ``?k=…``: base64url of its kind (1 byte), gallery (16), who (16), the gallery's
version (4), the end in seconds since 1970 (4) and HMAC-SHA256 (RFC 2104) over these. It is the same all day, so that
addresses with it stay cacheable, opens nothing but pictures of this gallery, and is checked against the gallery at
every request.
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
from kilo_gql.errors import Gone, Unauthorized

_BODY: Final = struct.Struct(">B16s16sII")
_PURPOSE: Final = "gallery-media-keys"
_GUEST, _MEMBER = 0, 1
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MediaKey:
    """Who a key speaks for: a guest of the gallery, or a member of its project (``user_id``)."""

    gallery_id: UUID
    guest: Guest | None = None
    user_id: UUID | None = None


def media_key(key: Callable[[str], bytes], opens: MediaKey, now: datetime) -> str:
    """The key of today, good until tomorrow ends (UTC). ``key`` makes the house's keys."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    kind, who, version = _MEMBER, opens.user_id, 0
    if opens.guest is not None:
        kind, who, version = _GUEST, opens.guest.guest_id, opens.guest.version
    assert who is not None
    body = _BODY.pack(kind, opens.gallery_id.bytes, who.bytes, version, int((midnight + 2 * _DAY).timestamp()))
    return base64.urlsafe_b64encode(body + _signature(key, body)).rstrip(b"=").decode()


def read_media_key(key: Callable[[str], bytes], text: str, now: datetime) -> MediaKey:
    """What a key of ours says. Raises Unauthorized ``media_key_invalid`` or Gone ``link_expired``."""
    data = _unbase64(text)
    body, signature = data[: _BODY.size], data[_BODY.size :]
    if len(body) != _BODY.size or not hmac.compare_digest(signature, _signature(key, body)):
        raise invalid_key()
    kind, gallery, who, version, expires = _BODY.unpack(body)
    if expires <= now.timestamp():
        raise Gone("This address has expired.", code="link_expired", remediation=["Ask the gallery for its photos."])
    gallery_id = UUID(bytes=gallery)
    if kind == _MEMBER:
        return MediaKey(gallery_id, user_id=UUID(bytes=who))
    return MediaKey(gallery_id, guest=Guest(gallery_id, UUID(bytes=who), version))


def invalid_key() -> Unauthorized:
    """The refusal of a key that is none of ours, of another gallery, or from before its sessions were ended."""
    return Unauthorized(
        "This address is not valid any more.",
        code="media_key_invalid",
        remediation=["Ask the gallery for its photos again."],
    )


def _signature(key: Callable[[str], bytes], body: bytes) -> bytes:
    return hmac.digest(key(_PURPOSE), body, "sha256")


def _unbase64(text: str) -> bytes:
    """The bytes of canonical base64url; none for anything else."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text else b""
