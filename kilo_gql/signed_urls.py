"""Addresses that carry their own permission: HMAC-SHA256 (RFC 2104) over everything they allow.

What is signed: the method, the address of this installation, the key, when it ends, the content type, the size of a
PUT and the file name of a GET. A changed, missing, doubled or additional parameter is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import parse_qsl, quote, urlencode

import orjson

from kilo_gql.config import Settings
from kilo_gql.errors import Forbidden, Gone
from kilo_gql.storage import SignedPut, checked_key

#: What the key of the signatures is called, see ``Settings.key``.
_PURPOSE: Final = "signed-urls"
PATH: Final = "/objects/"

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,14}")
_FIELDS_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Grant:
    """What a signed address allows. ``expires``: seconds since 1970. ``size``: bytes of the body of a PUT."""

    method: Literal["GET", "PUT"]
    key: str
    expires: int
    content_type: str
    size: int | None = None
    filename: str | None = None

    @property
    def parameters(self) -> dict[str, str]:
        """As they stand in the query."""
        named = {"expires": str(self.expires), "type": self.content_type}
        if self.size is not None:
            named["size"] = str(self.size)
        if self.filename is not None:
            named["name"] = self.filename
        return named


@dataclass(frozen=True, slots=True)
class Signer:
    """Makes and checks the addresses of one installation."""

    secret: bytes
    base_url: str

    @classmethod
    def of(cls, settings: Settings) -> Signer:
        """The signer of these settings."""
        return cls(settings.key(_PURPOSE), settings.base_url.rstrip("/"))

    def get(self, key: str, expires_at: datetime, content_type: str, filename: str | None) -> str:
        """See ``Store.signed_get``."""
        return self.url(Grant("GET", checked_key(key), int(expires_at.timestamp()), content_type, filename=filename))

    def put(self, key: str, size: int, expires_at: datetime, content_type: str) -> SignedPut:
        """See ``Store.signed_put``."""
        grant = Grant("PUT", checked_key(key), int(expires_at.timestamp()), content_type, size)
        return SignedPut(self.url(grant), {"Content-Type": content_type})

    def url(self, grant: Grant) -> str:
        """The whole address."""
        query = urlencode({**grant.parameters, "signature": self._signature(grant)})
        return f"{self.base_url}{PATH}{quote(grant.key)}?{query}"

    def verify(self, method: Literal["GET", "PUT"], key: str, query: str, now: datetime) -> Grant:
        """What the query allows to do with ``key``.

        Raises Forbidden (``signature_invalid``), or Gone (``link_expired``) if the signature is good but its time over.
        """
        try:
            grant, signature = _parsed(method, key, query)
        except (ValueError, KeyError):
            raise _invalid() from None
        if not hmac.compare_digest(self._signature(grant).encode(), signature.encode()):
            raise _invalid()
        if now.timestamp() >= grant.expires:
            raise Gone("This link has expired.", code="link_expired", remediation=["Ask for a new one."])
        return grant

    def _signature(self, grant: Grant) -> str:
        # a list as JSON: no two grants have the same spelling, whatever their texts hold
        signed = ["kilo 1", grant.method, self.base_url, grant.key, sorted(grant.parameters.items())]
        digest = hmac.new(self.secret, orjson.dumps(signed), hashlib.sha256).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


def _parsed(method: Literal["GET", "PUT"], key: str, query: str) -> tuple[Grant, str]:
    """The grant that a query asks for, and its signature. Raises ValueError or KeyError."""
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_FIELDS_MAX)
    named = dict(pairs)
    if len(named) != len(pairs):
        raise ValueError("doubled")
    signature, size = named.pop("signature"), named.get("size")
    grant = Grant(
        method,
        key,
        _number(named["expires"]),
        named["type"],
        None if size is None else _number(size),
        named.get("name"),
    )
    if grant.parameters != named:
        raise ValueError("more than we sign")
    return grant, signature


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError("not a number")
    return int(text)


def _invalid() -> Forbidden:
    return Forbidden(
        "This link is not one of ours, or it was changed.",
        code="signature_invalid",
        remediation=["Use the link exactly as it was given.", "Ask for a new one."],
    )
