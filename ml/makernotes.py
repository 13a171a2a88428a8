"""What only the camera makers' own blocks tell: drive mode, place in a series, serial number, lens, sensitivity.

The blocks are undocumented; what the tags mean is common knowledge of the free readers (tag numbers and meanings as
listed in ExifTool's documentation of tag names). Enciphered parts and tables of lens numbers are left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ml.exif import Exif
from ml.lenses import lens_range
from ml.tiff import Directory, Entry, Tiff, Value, header


class DriveMode(StrEnum):
    """How the shutter was driven."""

    SINGLE = "single"
    CONTINUOUS = "continuous"
    BRACKET = "bracket"
    SELF_TIMER = "self_timer"
    INTERVAL = "interval"
    PANORAMA = "panorama"


_SINGLE, _CONTINUOUS, _BRACKET, _TIMER = (
    DriveMode.SINGLE,
    DriveMode.CONTINUOUS,
    DriveMode.BRACKET,
    DriveMode.SELF_TIMER,
)


#: Some bodies count the length word itself, some do not.
_CANON_SLACK: Final = 4
#: 20 EV in Canon's 32nds: no sensitivity is further from the base one.
_CANON_MOST: Final = 640


@dataclass(frozen=True, slots=True)
class MakerNote:
    """What a maker's block adds. ``bracket_ev``: this frame's shift within a bracket, in EV."""

    serial: str | None = None
    lens_model: str | None = None
    drive_mode: DriveMode | None = None
    bracket_ev: float | None = None
    sequence_number: int | None = None
    iso: int | None = None


@dataclass(frozen=True, slots=True)
class _Block:
    """A maker's directory, whose fields are decoded when they are asked for."""

    tiff: Tiff
    fields: Directory

    def get(self, tag: int) -> Value:
        entry = self.fields.get(tag)
        return None if entry is None else self.tiff.value(entry)

    def numbers(self, tag: int) -> tuple[int | float | None, ...]:
        """The numbers of a field; none if it holds something else."""
        value = self.get(tag)
        if isinstance(value, bytes):
            return tuple(value)
        return value if isinstance(value, tuple) else (value,) if isinstance(value, int | float) else ()

    def number(self, tag: int, index: int = 0) -> int | None:
        """A whole number of a field."""
        found = self.numbers(tag)
        value = found[index] if index < len(found) else None
        return value if isinstance(value, int) else None

    def text(self, tag: int) -> str | None:
        """Text of a field, also where its type says bytes."""
        value = self.get(tag)
        if isinstance(value, bytes):
            value = value.split(b"\0", 1)[0].decode("ascii", errors="replace").strip()
        return value or None if isinstance(value, str) else None

    def record(self, tag: int) -> dict[int, int]:
        """The words of one of Canon's arrays by index; none if its first does not say its length in bytes."""
        words = self.numbers(tag)
        entry = self.fields.get(tag)
        if entry is None or not words or abs((words[0] or 0) - entry.size) > _CANON_SLACK:
            return {}
        return {index: word for index, word in enumerate(words) if isinstance(word, int)}

    def below(self, tag: int) -> _Block:
        """The directory that a field points at, or that it holds."""
        entry = self.fields.get(tag)
        if entry is None:
            return _Block(self.tiff, {})
        value = self.tiff.value(entry) if entry.type in (4, 13) and entry.elements == 1 else None
        at = self.tiff.base + value if isinstance(value, int) else entry.at
        return _Block(self.tiff, self.tiff.directory_at(at))


def _canon(block: _Block) -> MakerNote:
    settings, shot, series = block.record(0x0001), block.record(0x0004), block.record(0x0093)
    drive, serial = settings.get(5), block.number(0x000C)
    mode = _TIMER if settings.get(2) else {0: _SINGLE, 6: _SINGLE, 9: _SINGLE, 2: None}.get(drive or 0, _CONTINUOUS)
    if shot.get(16) or series.get(3):
        mode = _BRACKET
    units = settings.get(25) or 1
    focal = lens_range(settings.get(24, 0) / units, settings.get(23, 0) / units)
    return MakerNote(
        serial=str(serial) if serial else None,
        lens_model=block.text(0x0095) or (focal if settings.get(22, 0) not in (0, 0xFFFF) else None),
        drive_mode=mode if drive is not None else None,
        bracket_ev=round(canon_ev(shot[17]), 2) if mode is _BRACKET and 17 in shot else None,
        sequence_number=shot.get(9) or None,
        iso=_canon_iso(settings.get(16, 0), shot.get(1), shot.get(2, 0)),
    )


def canon_ev(value: int) -> float:
    """Canon's EV: signed 16 bits, counted in 32nds, where thirds are written as 12 and 20."""
    value = value - 0x10000 if value > 0x7FFF else value
    whole, part = divmod(abs(value), 32)
    return (whole + {12: 1 / 3, 20: 2 / 3}.get(part, part / 32)) * (1 if value >= 0 else -1)


def _canon_iso(setting: int, automatic: int | None, base: int) -> int | None:
    """The sensitivity set, as a number or as one of a list; else the base one times what the automatic made of it."""
    if setting & 0x4000 and setting != 0x7FFF:
        return setting & 0x3FFF
    listed = {16: 50, 17: 100, 18: 200, 19: 400, 20: 800}.get(setting)
    if listed is not None or automatic is None or not 0 < base <= _CANON_MOST or not 0 <= automatic <= _CANON_MOST:
        return listed
    return round(2 ** (base / 32) * 100 / 32 * 2 ** (automatic / 32))


def _nikon(block: _Block) -> MakerNote:
    bits = block.number(0x0089)
    shift = block.numbers(0x0019)[:1]
    serial = block.text(0x001D) or block.text(0x00A0)
    mode = None
    if bits is not None:
        series = ((0x0150, _BRACKET), (0x000A, _TIMER), (0x0001, _CONTINUOUS))
        mode = next((one for mask, one in series if bits & mask), _SINGLE)
    return MakerNote(
        serial=serial.removeprefix("NO=").removeprefix("No=").strip() or None if serial else None,
        lens_model=lens_range(*block.numbers(0x0084)[:4]),
        drive_mode=mode,
        bracket_ev=shift[0] if mode is _BRACKET and shift else None,
        iso=block.number(0x0002, 1),
    )


def _olympus(block: _Block) -> MakerNote:
    equipment, settings = block.below(0x2010), block.below(0x2020)
    drive, special = settings.number(0x0600), block.number(0x0200)
    mode = None
    if drive is not None:
        mode = {0: _SINGLE, 1: _CONTINUOUS, 5: _BRACKET}.get(drive, _BRACKET if drive < 5 else None)
    elif special is not None:
        mode = {0: _SINGLE, 2: _CONTINUOUS, 3: DriveMode.PANORAMA}.get(special)
    sequence = settings.number(0x0600, 1) if drive is not None else block.number(0x0200, 1)
    return MakerNote(
        serial=equipment.text(0x0101) or block.text(0x0404) or block.text(0x101A),
        lens_model=equipment.text(0x0203),
        drive_mode=mode,
        sequence_number=sequence or None,
    )


def _fujifilm(block: _Block) -> MakerNote:
    drive = block.number(0x1103)
    mode = None if drive is None else {0: _SINGLE, 1: _CONTINUOUS, 2: _CONTINUOUS}.get(drive & 0xFF)
    if block.number(0x1100):
        mode = _BRACKET
    return MakerNote(serial=block.text(0x0010), drive_mode=mode, sequence_number=block.number(0x1101) or None)


def _panasonic(block: _Block) -> MakerNote:
    burst, timer = block.number(0x002A), block.number(0x002E)
    mode = None
    if burst is not None:
        mode = _TIMER if timer not in (None, 0, 1) else _SINGLE
        mode = {0: mode, 2: _BRACKET, 3: _BRACKET, 8: _BRACKET, 18: _BRACKET}.get(burst, _CONTINUOUS)
    return MakerNote(
        serial=block.text(0x0025),
        lens_model=block.text(0x0051),
        drive_mode=mode,
        sequence_number=block.number(0x002B) or None,
        iso=block.number(0x00D1),
    )


def _sony(block: _Block) -> MakerNote:
    release, number = block.number(0xB049), block.number(0xB04A)
    modes = {0: _SINGLE, 2: _CONTINUOUS, 5: _BRACKET, 6: _BRACKET, 8: _BRACKET}
    return MakerNote(
        serial=block.text(0x2031),
        drive_mode=None if release is None else modes.get(release),
        sequence_number=number if number != 0xFFFF else None,
    )


def _pentax(block: _Block) -> MakerNote:
    drive, timer, _, series = (block.number(0x0034, index) for index in range(4))
    mode = None
    if drive is not None:
        mode = {0: _SINGLE, 255: None}.get(drive, _CONTINUOUS)
        mode = _TIMER if timer in (1, 2) else mode
        mode = DriveMode.INTERVAL if series == 0x0F else _BRACKET if series in (0x08, 0x10, 0x20) else mode
    return MakerNote(serial=block.text(0x0229), drive_mode=mode)


def _casio(block: _Block) -> MakerNote:
    iso = {3: 50, 4: 64, 6: 100, 9: 200}.get(block.number(0x0014) or 0)
    release, drive = block.number(0x3001), block.number(0x3103)
    mode = {1: _SINGLE, 3: _BRACKET, 11: _BRACKET, 13: _BRACKET, 19: _CONTINUOUS}.get(release or 0)
    if drive is not None and mode in (None, _SINGLE):
        mode = _SINGLE if drive == 0 else _CONTINUOUS
    return MakerNote(drive_mode=mode, iso=iso or block.number(0x3014))


def _minolta(block: _Block) -> MakerNote:
    raw = block.get(0x0003) or block.get(0x0001)
    raw = raw if isinstance(raw, bytes) else b""
    drive = int.from_bytes(raw[24:28], "big") if len(raw) >= 28 else None  # the seventh of big-endian words
    modes = {0: _SINGLE, 2: _TIMER, 4: _BRACKET, 5: DriveMode.INTERVAL}
    return MakerNote(drive_mode=None if drive is None or drive > 7 else modes.get(drive, _CONTINUOUS))


def _sigma(block: _Block) -> MakerNote:
    drive = (block.text(0x0003) or "").lower()
    words = (("bracket", _BRACKET), ("self", _TIMER), ("continuous", _CONTINUOUS), ("single", _SINGLE))
    mode = next((mode for word, mode in words if word in drive), None)
    return MakerNote(serial=block.text(0x0002), drive_mode=mode)


def _apple(block: _Block) -> MakerNote:
    return MakerNote(drive_mode=_CONTINUOUS if block.text(0x000B) else None)


def _samsung(block: _Block) -> MakerNote:
    return MakerNote(serial=block.text(0xA002))


_Reader = Callable[[_Block], MakerNote]

#: How the block begins, where its directory stands in it, whether offsets count from the block, and its reader.
_BY_HEAD: Final[tuple[tuple[bytes, int, bool, _Reader], ...]] = (
    (b"OLYMPUS\0", 12, True, _olympus),
    (b"OM SYSTEM\0", 16, True, _olympus),
    (b"OLYMP\0", 8, False, _olympus),
    (b"EPSON\0", 8, False, _olympus),
    (b"Panasonic\0", 12, False, _panasonic),
    (b"SONY", 12, False, _sony),
    (b"PENTAX \0", 10, True, _pentax),
    (b"RICOH\0", 8, True, _pentax),
    (b"AOC\0", 6, False, _pentax),
    (b"QVC\0", 6, False, _casio),
    (b"DCI\0", 6, False, _casio),
    (b"Apple iOS\0", 14, True, _apple),
    (b"SIGMA\0", 10, False, _sigma),
    (b"FOVEON\0", 10, False, _sigma),
)
#: How DNGPrivateData begins where a converter kept the block of the raw file.
_ADOBE, _ADOBE_HEAD = b"Adobe\0MakN", 20
#: Blocks that begin with their directory, by the first word of the make.
_BY_MAKE: Final[dict[str, _Reader]] = {
    "canon": _canon,
    "nikon": _nikon,
    "sony": _sony,
    "minolta": _minolta,
    "konica": _minolta,
    "samsung": _samsung,
}


def read(exif: Exif, make: str) -> MakerNote:
    """What the maker's block of a photo says; nothing, if there is none of a known kind."""
    if exif.fields is not None:  # only Canon's formats keep it apart
        return _canon(_Block(*exif.fields))
    if exif.note is None:
        return MakerNote()
    tiff, entry = exif.note
    head = tiff.data[entry.at : entry.at + _ADOBE_HEAD]
    if head.startswith(_ADOBE):  # then the byte order and the offset that the block had in the original file
        base = entry.at + _ADOBE_HEAD - int.from_bytes(head[16:20], "big")
        tiff = Tiff(tiff.data, base, "<" if head[14:16] == b"II" else ">")
        entry = Entry(entry.type, entry.elements - _ADOBE_HEAD, entry.at + _ADOBE_HEAD)
    return _read(tiff, entry, make)


def _read(tiff: Tiff, entry: Entry, make: str) -> MakerNote:
    head = tiff.data[entry.at : entry.at + 24]
    if head.startswith(b"Nikon\0\2"):
        own = header(tiff.data, entry.at + 10)
        return MakerNote() if own is None else _nikon(_Block(own, own.directory(own.first)))
    if head.startswith((b"FUJIFILM", b"GENERALE")):
        own = Tiff(tiff.data, entry.at, "<")
        return _fujifilm(_Block(own, own.directory(int.from_bytes(head[8:12], "little"))))
    for prefix, start, own_base, reader in _BY_HEAD:
        if head.startswith(prefix):
            return _read_at(tiff, entry.at, start, own_base, reader)
    words = make.lower().split()
    maker = _BY_MAKE.get(words[0]) if words else None
    return MakerNote() if maker is None else _read_at(tiff, entry.at, 0, False, maker)


def _read_at(tiff: Tiff, at: int, start: int, own_base: bool, reader: _Reader) -> MakerNote:
    order = _order(tiff.data[at + start : at + start + 2], tiff.data[max(at, at + start - 4) : at + start], tiff.order)
    own = Tiff(tiff.data, at if own_base else tiff.base, order)
    return reader(_Block(own, own.directory_at(at + start)))


def _order(count: bytes, before: bytes, outer: str) -> str:
    """The byte order of a block: as its head states, else that in which its number of fields is the smaller one."""
    if b"II" in before or b"MM" in before:
        return "<" if b"II" in before else ">"
    little, big = int.from_bytes(count, "little"), int.from_bytes(count, "big")
    return outer if little == big else "<" if little < big else ">"
