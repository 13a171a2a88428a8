"""What people type, made safe to keep: names on one line, addresses in one spelling."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from email_validator import EmailNotValidError, validate_email

from kilo_gql.errors import BadRequest

#: RFC 5321: a forward path holds 254 characters of address.
EMAIL_MAX: Final = 254

_BREAKS: Final = str.maketrans("\t\n\r", "   ")
_LOCALE: Final = re.compile(r"[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8}){0,3}", re.ASCII)


def one_line(value: str, *, field: str, limit: int) -> str:
    """The text without surrounding space, 1 to ``limit`` characters, none of them a control. Raises BadRequest."""
    text = value.strip()
    if not 1 <= len(text) <= limit or not _printable(text):
        raise BadRequest(f"{field} has 1 to {limit} characters on one line.", details={"field": field, "max": limit})
    return text


def lines(value: str, *, field: str, limit: int) -> str:
    """The text as it is, at most ``limit`` characters, no controls but tabs and line breaks. Raises BadRequest."""
    if len(value) > limit or not _printable(value.translate(_BREAKS)):
        raise BadRequest(
            f"{field} has at most {limit:,} characters, none of them a control character.",
            details={"field": field, "max": limit},
        )
    return value


def clipped(value: str | None, limit: int) -> str | None:
    """A program's text about itself (a user agent), cut and cleaned rather than refused."""
    if value is None:
        return None
    return "".join(char for char in value[:limit] if _printable(char)).strip() or None


def email_address(value: str) -> str:
    """The one spelling of an address: NFC, lower case. Nothing is looked up. Raises BadRequest ``bad_email``."""
    try:
        if len(value) > EMAIL_MAX:
            raise EmailNotValidError("too long")
        return validate_email(value.strip(), check_deliverability=False).normalized.lower()
    except (EmailNotValidError, UnicodeError) as error:
        raise BadRequest(
            "This is not an email address.",
            code="bad_email",
            details={"field": "email"},
            remediation=["Write it as name@example.org."],
        ) from error


def locale_tag(value: str | None) -> str | None:
    """A language tag such as ``en-US`` (RFC 5646 by its shape). Raises BadRequest."""
    if value is not None and not _LOCALE.fullmatch(value):
        raise BadRequest(
            "This is not a language tag.", details={"field": "locale"}, remediation=["Use one like en-US."]
        )
    return value


def _printable(text: str) -> bool:
    # Cc: controls, Cs: lone surrogates; neither can be stored or shown
    return all(unicodedata.category(char) not in ("Cc", "Cs") for char in text)
