"""Text as photographs carry it, of a charset that is seldom stated; and the room that it takes."""

from __future__ import annotations

import json
from typing import Any, Final

_CONTROLS: Final = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127))


def decoded(raw: bytes, notes: list[str]) -> str:
    """UTF-8 where the bytes are that, else Windows-1252, which is noted. Control characters are dropped."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
        if (note := "text of an unknown charset, read as Windows-1252") not in notes:
            notes.append(note)
    return text.translate(_CONTROLS)


def json_size(value: Any) -> int:
    """How many bytes a value takes as JSON."""
    return len(json.dumps(value, ensure_ascii=False).encode())
