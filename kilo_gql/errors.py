"""Every failure a caller can act on.

    KiloError
    ├── BadRequest 400        ├── Unauthorized 401     ├── Forbidden 403
    ├── NotFound 404          ├── Conflict 409         ├── Gone 410
    ├── TooLarge 413          ├── RateLimited 429      ├── Unavailable 503
    └── InsufficientStorage 507

Anything that is not a ``KiloError`` is a bug: it is logged with its request id and masked.
``docs/errors.md`` is the catalogue of the codes; a test keeps it equal to the code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class KiloError(Exception):
    """An expected failure.

    ``code`` is stable and for programs, ``message`` is for a person, ``details`` says which value was
    at fault, ``remediation`` lists what to do next, ``retry_after`` is in seconds (None: do not retry as is).
    """

    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
        remediation: Sequence[str] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.details = dict(details or {})
        self.remediation = list(remediation)
        self.retry_after = retry_after


class BadRequest(KiloError):
    """The input cannot be understood or breaks a rule."""

    status = 400
    default_code = "bad_request"


class Unauthorized(KiloError):
    """No actor, or one whose proof is not valid any more."""

    status = 401
    default_code = "unauthorized"


class Forbidden(KiloError):
    """Visible to the actor, but not allowed."""

    status = 403
    default_code = "forbidden"


class NotFound(KiloError):
    """Absent, or not visible to the actor: the two answer alike."""

    status = 404
    default_code = "not_found"


class Conflict(KiloError):
    """The request contradicts the present state."""

    status = 409
    default_code = "conflict"


class Gone(KiloError):
    """It was here and will not come back."""

    status = 410
    default_code = "gone"


class TooLarge(KiloError):
    """More than one request may carry or ask for."""

    status = 413
    default_code = "too_large"


class RateLimited(KiloError):
    """Too much, too fast; ``retry_after`` says when."""

    status = 429
    default_code = "rate_limited"


class Unavailable(KiloError):
    """A part KILO needs does not answer at the moment."""

    status = 503
    default_code = "unavailable"


class InsufficientStorage(KiloError):
    """There is no room for what was sent; what is stored already stays."""

    status = 507
    default_code = "storage_full"


def not_found(noun: str) -> NotFound:
    """The one sentence for absent and invisible things, so that neither can be told from the other."""
    return NotFound(
        f"This {noun} does not exist, or you cannot see it.",
        remediation=[f"Check the id of the {noun}.", "Ask its owner for an invitation."],
    )
