"""Where the bytes of an upload are sent: an address that is its own permission.

What may be sent there (size, type, whose) stands in the upload's row, which never changes in that, so the address needs
no more than the upload's id, its own end, and an HMAC-SHA256 (RFC 2104) over both.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from kilo_gql.db import House
from kilo_gql.errors import Forbidden, Gone

PATH: Final = "/uploads/"

_PURPOSE: Final = "upload addresses"
#: Longer than an upload lives without a byte: whoever goes on sending slowly keeps the address.
_GOOD_FOR: Final = timedelta(days=30)
_TOKEN: Final = re.compile(r"([1-9][0-9]{9,10})\.([\w-]{43})", re.ASCII)


def upload_url(house: House, upload_id: UUID, now: datetime) -> str:
    """An address that is good for 30 days."""
    expires = int((now + _GOOD_FOR).timestamp())
    return f"{house.base_url}{PATH}{upload_id}?token={expires}.{_signature(house.key, upload_id, expires)}"


def check_token(key: Callable[[str], bytes], upload_id: UUID, token: str, now: datetime) -> None:
    """Passes if the token is of this upload. Raises Forbidden ``signature_invalid`` or Gone ``link_expired``."""
    match = _TOKEN.fullmatch(token)
    if match is None or not hmac.compare_digest(_signature(key, upload_id, int(match[1])), match[2]):
        raise Forbidden(
            "This is not an upload address of ours.",
            code="signature_invalid",
            remediation=["Use the address exactly as `prepareUpload` or `unfinishedUploads` answered it."],
        )
    if int(match[1]) <= now.timestamp():
        raise Gone(
            "This upload address has expired.",
            code="link_expired",
            remediation=["Ask `unfinishedUploads` for a new one."],
        )


def _signature(key: Callable[[str], bytes], upload_id: UUID, expires: int) -> str:
    mac = hmac.digest(key(_PURPOSE), b"%b.%d" % (upload_id.bytes, expires), "sha256")
    return urlsafe_b64encode(mac).rstrip(b"=").decode()
