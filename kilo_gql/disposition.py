"""How a stored file is offered to a browser: shown only if it is a picture it cannot run, saved otherwise."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import quote

#: Browsers show these, and nothing in them is run.
SHOWN: Final = frozenset({"image/jpeg", "image/png", "image/webp", "image/avif"})

#: Files that are saved may keep their type if it is one of these, which no browser takes for a page.
_SAVED: Final = re.compile(r"image/(tiff|gif|heic|heif|x-[a-z0-9-]+)|application/(zip|x-tar|pdf|octet-stream)")

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9 ._()-]")
_NAME_MAX: Final = 150


def safe_type(content_type: str) -> str:
    """The type to answer with: its own where it is harmless, or else application/octet-stream."""
    return content_type if content_type in SHOWN or _SAVED.fullmatch(content_type) else "application/octet-stream"


def content_disposition(content_type: str, filename: str | None = None) -> str:
    """The header's value after RFC 6266, the name also in UTF-8 (RFC 8187). Nothing in a name can end the header."""
    kind = "inline" if content_type in SHOWN else "attachment"
    if filename is None:
        return kind
    name = _clean(filename)
    plain = _UNSAFE.sub("_", unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()).strip() or "file"
    value = f'{kind}; filename="{plain}"'
    return value if plain == name else f"{value}; filename*=UTF-8''{quote(name, safe='')}"


def _clean(filename: str) -> str:
    """Without folders, control characters and those that turn the direction of writing."""
    last = re.split(r"[/\\]", filename)[-1]
    kept = "".join(sign for sign in last if unicodedata.category(sign)[0] not in "CZ" or sign == " ")
    stem, dot, extension = kept.strip(" .").rpartition(".")
    if not dot or len(extension) > 10:
        return kept.strip(" .")[:_NAME_MAX] or "file"
    return f"{stem[: _NAME_MAX - len(extension) - 1]}.{extension}"
