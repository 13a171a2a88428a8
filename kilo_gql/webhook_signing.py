"""Signatures of webhooks, by the Standard Webhooks specification (standardwebhooks.com, version 1.0.0).

What is signed is ``id.timestamp.body``; the key is what follows ``whsec_`` in the secret, in base64. Secrets are
derived from the house's key, the webhook's id and the version of its secret: none is stored.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the beginning of one
_PURPOSE: Final = "webhook-secrets"


def signing_key(key: Callable[[str], bytes], webhook_id: UUID, version: int) -> bytes:
    """The 32 bytes that sign for a webhook. ``key`` makes the house's keys."""
    return hmac.digest(key(_PURPOSE), f"{webhook_id}|{version}".encode(), "sha256")


def secret_of(signing: bytes) -> str:
    """A signing key as its receiver is given it."""
    return SECRET_PREFIX + base64.b64encode(signing).decode()


def signed_headers(keys: Sequence[bytes], delivery_id: UUID, body: bytes, now: datetime) -> dict[str, str]:
    """The three headers of a delivery, signed with each of these keys."""
    timestamp = str(int(now.timestamp()))
    content = b".".join((str(delivery_id).encode(), timestamp.encode(), body))
    signatures = (base64.b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys)
    return {
        "webhook-id": str(delivery_id),
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
