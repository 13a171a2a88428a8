"""The key of an archive's address: whoever has it may fetch that export, until it ends or the export does."""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from kilo_gql.errors import Forbidden, Gone

#: How long a link is good for; never longer than the export's files are kept.
LINK_FOR: Final = timedelta(hours=24)

_END: Final = struct.Struct(">Q")
_PURPOSE: Final = "export-archives"


def archive_url(key: Callable[[str], bytes], base_url: str, export_id: UUID, expires_at: datetime) -> str:
    """The address of an export's archive. ``key`` makes the house's keys."""
    end = _END.pack(int(expires_at.timestamp()))
    proof = base64.urlsafe_b64encode(end + _signature(key, export_id, end)).rstrip(b"=").decode()
    return f"{base_url}/exports/{export_id}/archive?k={proof}"


def check_archive_key(key: Callable[[str], bytes], export_id: UUID, proof: str, now: datetime) -> None:
    """Raises Forbidden ``signature_invalid``, or Gone ``link_expired``."""
    data = _unbase64(proof)
    end, signature = data[: _END.size], data[_END.size :]
    if len(end) != _END.size or not hmac.compare_digest(signature, _signature(key, export_id, end)):
        raise Forbidden(
            "This link is not one of ours, or it was changed.",
            code="signature_invalid",
            remediation=["Use the link exactly as it was given.", "Ask for a new one."],
        )
    if now.timestamp() >= _END.unpack(end)[0]:
        raise Gone("This link has expired.", code="link_expired", remediation=["Ask for a new one."])


def _signature(key: Callable[[str], bytes], export_id: UUID, end: bytes) -> bytes:
    return hmac.digest(key(_PURPOSE), export_id.bytes + end, "sha256")


def _unbase64(text: str) -> bytes:
    """The bytes of canonical base64url; none for anything else."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text else b""
