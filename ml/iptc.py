"""IPTC-NAA records (IIM 4.2), as they stand in Photoshop's image resources or alone."""

from __future__ import annotations

from typing import Any, Final

from ml.text import decoded

MAX_RECORDS: Final = 2_000
_RESOURCE: Final = b"8BIM"
_IIM_RESOURCE: Final = 0x0404
_UTF8: Final = b"\x1b%G"

# Record 2 by dataset number; those of _REPEATED may stand several times.
_NAMES: Final = {
    5: "ObjectName",
    7: "EditStatus",
    10: "Urgency",
    15: "Category",
    20: "SupplementalCategories",
    22: "FixtureIdentifier",
    25: "Keywords",
    26: "ContentLocationCode",
    27: "ContentLocationName",
    30: "ReleaseDate",
    35: "ReleaseTime",
    37: "ExpirationDate",
    40: "SpecialInstructions",
    55: "DateCreated",
    60: "TimeCreated",
    62: "DigitalCreationDate",
    63: "DigitalCreationTime",
    65: "OriginatingProgram",
    70: "ProgramVersion",
    80: "By-line",
    85: "By-lineTitle",
    90: "City",
    92: "Sub-location",
    95: "Province-State",
    100: "CountryCode",
    101: "CountryName",
    103: "OriginalTransmissionReference",
    105: "Headline",
    110: "Credit",
    115: "Source",
    116: "CopyrightNotice",
    118: "Contact",
    120: "Caption-Abstract",
    122: "Writer-Editor",
}
_REPEATED: Final = frozenset({20, 25, 26, 27, 80, 85, 118, 122})


def records(raw: bytes, notes: list[str]) -> dict[str, Any]:
    """The editorial record by dataset name: text, or a list of texts where the standard lets one repeat."""
    found: dict[str, Any] = {}
    utf8 = False
    at = 0
    for _ in range(MAX_RECORDS):
        if at + 5 > len(raw) or raw[at] != 0x1C:
            break
        record, dataset, length = raw[at + 1], raw[at + 2], int.from_bytes(raw[at + 3 : at + 5], "big")
        at += 5
        if length & 0x8000:  # an extended dataset: the length of the length
            size = length & 0x7FFF
            length, at = int.from_bytes(raw[at : at + min(size, 4)], "big"), at + size
        value, at = raw[at : at + length], at + length
        if record == 1 and dataset == 90:
            utf8 = value == _UTF8
        elif record == 2 and dataset in _NAMES:
            text = value.decode(errors="replace") if utf8 else decoded(value, notes)
            _add(found, dataset, text.strip("\0 "))
    return found


def _add(found: dict[str, Any], dataset: int, text: str) -> None:
    name = _NAMES[dataset]
    if dataset in _REPEATED:
        found.setdefault(name, []).append(text)
    else:
        found.setdefault(name, text)


def from_resources(raw: bytes) -> bytes:
    """The IPTC records among Photoshop's image resources; empty if there are none."""
    at = 0
    while raw[at : at + 4] == _RESOURCE and at + 12 <= len(raw):
        kind, name = int.from_bytes(raw[at + 4 : at + 6], "big"), raw[at + 6]
        at += 6 + (name + 2) // 2 * 2  # a Pascal string, padded to an even length
        size = int.from_bytes(raw[at : at + 4], "big")
        if kind == _IIM_RESOURCE:
            return raw[at + 4 : at + 4 + size]
        at += 4 + (size + 1) // 2 * 2
    return b""
