"""What visitors type, made safe to keep and to show: cleaned rather than refused, and otherwise as it was typed.

What is taken out says nothing and can do harm: controls, lone surrogates, and the characters that reorder the text
around them (Unicode UAX #9, as in "Trojan Source", Boucher and Anderson 2021).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from kilo_gql.errors import BadRequest

NAME_MAX: Final = 80
TEXT_MAX: Final = 2_000

#: Embeddings, overrides and isolates; a byte order mark; what was never a character.
_REORDERING: Final = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]")
_BREAK: Final = re.compile("\r\n|[\r\u0085\u2028\u2029]")


def cleaned_name(value: str) -> str:
    """A name on one line, 1 to 80 characters. Raises BadRequest."""
    return _bounded(" ".join(_cleaned(value).split()), "name", NAME_MAX)


def cleaned_text(value: str, *, field: str = "text") -> str:
    """Words of any number of lines, 1 to 2,000 characters. Raises BadRequest."""
    return _bounded(_cleaned(value).strip(), field, TEXT_MAX)


def cleaned_message(value: str | None, *, field: str = "message") -> str | None:
    """Words that may be left out; none at all are None. Raises BadRequest."""
    return cleaned_text(value, field=field) if value is not None and _cleaned(value).strip() else None


def _cleaned(value: str) -> str:
    """NFC, with line feeds alone as line breaks."""
    text = _BREAK.sub("\n", _REORDERING.sub("", value)).replace("\t", " ")
    kept = (char for char in text if char == "\n" or unicodedata.category(char) not in ("Cc", "Cs"))
    return unicodedata.normalize("NFC", "".join(kept))


def _bounded(text: str, field: str, limit: int) -> str:
    if not 1 <= len(text) <= limit:
        raise BadRequest(f"{field} has 1 to {limit:,} characters.", details={"field": field, "max": limit})
    return text
