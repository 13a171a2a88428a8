"""What the makers keep to themselves: one block of each kind."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import pytest

from ml.makernotes import DriveMode
from ml.metadata import Metadata
from tests.support import exif_bytes as eb

Read = Callable[..., Metadata]


def photo(make: str, note: eb.Field) -> bytes:
    return eb.jpeg(eb.tiff({0x010F: eb.ascii_(make)}, {0x927C: note, 0x829A: eb.rational((1, 8))}))


def block(head: bytes, fields: eb.Fields, *, own_base: bool, order: str = "<") -> eb.Field:
    """A directory behind a head; its offsets count from the block or from the TIFF header."""
    return eb.placed(lambda _, at: head + eb.directory(fields, order, len(head) + (0 if own_base else at)))


def canon(settings: Mapping[int, int], shot: Mapping[int, int], *, length: int | None = None) -> eb.Field:
    def array(values: Mapping[int, int], count: int) -> eb.Field:
        return eb.short(*((length or count * 2) if index == 0 else values.get(index, 0) for index in range(count)))

    fields = {1: array(settings, 46), 4: array(shot, 34), 0x0C: eb.long(123456)}
    return block(b"", fields, own_base=False)


BODY = {22: 50, 23: 85, 24: 17, 25: 1, 16: 17}


@pytest.mark.parametrize(
    ("settings", "shot", "mode", "shift"),
    [
        ({5: 0}, {}, DriveMode.SINGLE, None),
        ({5: 1}, {}, DriveMode.CONTINUOUS, None),
        ({5: 5}, {}, DriveMode.CONTINUOUS, None),
        ({5: 2}, {}, None, None),
        ({5: 0, 2: 100}, {}, DriveMode.SELF_TIMER, None),
        ({5: 1}, {16: 1, 17: 44}, DriveMode.BRACKET, 1.33),
        ({5: 1}, {16: 2, 17: 0x10000 - 20}, DriveMode.BRACKET, -0.67),
    ],
)
def test_canon(
    read: Read, settings: dict[int, int], shot: dict[int, int], mode: DriveMode | None, shift: float | None
) -> None:
    found = read(photo("Canon", canon({**BODY, **settings}, {9: 3, **shot})))
    assert (found.drive_mode, found.bracket_ev, found.sequence_number) == (mode, shift, 3)
    assert (found.camera_serial, found.lens_model, found.iso) == ("123456", "17-85mm", 100)


def test_an_automatic_canon_multiplies(read: Read) -> None:
    """Base ISO 50 is 2^(128/32) x 100/32; the automatic made it 200 %."""
    found = read(photo("Canon", canon({16: 15}, {1: 32, 2: 128})))
    assert (found.iso, found.lens_model) == (100, None)


def test_a_canon_block_that_was_moved_is_not_believed(read: Read) -> None:
    """A program that rewrote the file without mending the offsets leaves arrays of the wrong length."""
    found = read(photo("Canon", canon({**BODY, 5: 1}, {16: 1, 17: 32}, length=1234)))
    assert (found.drive_mode, found.bracket_ev, found.lens_model, found.iso) == (None, None, None, None)


@pytest.mark.parametrize(
    ("bits", "mode"),
    [
        (0, DriveMode.SINGLE),
        (1, DriveMode.CONTINUOUS),
        (2, DriveMode.SELF_TIMER),
        (0x11, DriveMode.BRACKET),
        (0x20, DriveMode.SINGLE),
    ],
)
def test_nikon(read: Read, bits: int, mode: DriveMode) -> None:
    fields = {
        0x0002: eb.short(0, 640),
        0x001D: eb.ascii_("NO= 6001234"),
        0x0019: eb.signed((2, 3)),
        0x0084: eb.rational((18, 1), (70, 1), (35, 10), (45, 10)),
        0x0089: eb.short(bits),
    }
    found = read(photo("NIKON CORPORATION", eb.undefined(b"Nikon\0\2\x10\0\0" + eb.tiff(fields, order=">"))))
    assert (found.drive_mode, found.camera_serial, found.iso) == (mode, "6001234", 640)
    assert found.lens_model == "18-70mm f/3.5-4.5"
    assert found.bracket_ev == (pytest.approx(2 / 3) if mode is DriveMode.BRACKET else None)


def olympus(drive: tuple[int, int]) -> eb.Field:
    head = b"OLYMPUS\0II\3\0"

    def make(_: str, at: int) -> bytes:
        fields: dict[int, eb.Field] = {0x2010: eb.long(0), 0x2020: eb.long(0)}
        first = len(head) + len(eb.directory(fields, "<", 0))
        equipment = eb.directory({0x0101: eb.ascii_("BHP123"), 0x0203: eb.ascii_("M.40-150mm")}, "<", first)
        fields = {0x2010: eb.long(first), 0x2020: eb.long(first + len(equipment))}
        settings = eb.directory({0x0600: eb.short(*drive)}, "<", first + len(equipment))
        return head + eb.directory(fields, "<", len(head)) + equipment + settings

    return eb.placed(make)


@pytest.mark.parametrize(
    ("drive", "mode", "number"),
    [
        ((0, 0), DriveMode.SINGLE, None),
        ((1, 7), DriveMode.CONTINUOUS, 7),
        ((2, 1), DriveMode.BRACKET, 1),
        ((5, 2), DriveMode.BRACKET, 2),
    ],
)
def test_olympus(read: Read, drive: tuple[int, int], mode: DriveMode, number: int | None) -> None:
    found = read(photo("OLYMPUS CORPORATION", olympus(drive)))
    assert (found.drive_mode, found.sequence_number) == (mode, number)
    assert (found.camera_serial, found.lens_model) == ("BHP123", "M.40-150mm")


FUJIFILM = {0x10: eb.ascii_("FX1"), 0x1100: eb.short(0), 0x1101: eb.short(4), 0x1103: eb.long(2)}
LUMIX = {0x25: eb.undefined(b"F12\0\0"), 0x2A: eb.short(2), 0x2B: eb.long(3), 0x51: eb.ascii_("LUMIX G 25")}
SONY = {0xB049: eb.short(5), 0xB04A: eb.short(65535)}

WORDS: list[tuple[str, eb.Field, dict[str, object]]] = [
    (
        "FUJIFILM",
        block(b"FUJIFILM\x0c\0\0\0", FUJIFILM, own_base=True),
        {"drive_mode": DriveMode.CONTINUOUS, "camera_serial": "FX1", "sequence_number": 4},
    ),
    (
        "FUJIFILM",
        block(b"FUJIFILM\x0c\0\0\0", {0x1100: eb.short(1), 0x1103: eb.long(0)}, own_base=True),
        {"drive_mode": DriveMode.BRACKET},
    ),
    (
        "Panasonic",
        block(b"Panasonic\0\0\0", LUMIX, own_base=False),
        {"drive_mode": DriveMode.BRACKET, "camera_serial": "F12", "sequence_number": 3, "lens_model": "LUMIX G 25"},
    ),
    (
        "Panasonic",
        block(b"Panasonic\0\0\0", {0x2A: eb.short(0), 0x2E: eb.short(2)}, own_base=False),
        {"drive_mode": DriveMode.SELF_TIMER},
    ),
    (
        "SONY",
        block(b"SONY DSC \0\0\0", {0xB049: eb.short(2), 0xB04A: eb.short(5)}, own_base=False),
        {"drive_mode": DriveMode.CONTINUOUS, "sequence_number": 5},
    ),
    ("SONY", block(b"", SONY, own_base=False), {"drive_mode": DriveMode.BRACKET}),
    (
        "RICOH IMAGING COMPANY, LTD.",
        block(b"PENTAX \0MM", {0x34: eb.byte(1, 0, 0, 0), 0x0229: eb.ascii_("77")}, own_base=True, order=">"),
        {"drive_mode": DriveMode.CONTINUOUS, "camera_serial": "77"},
    ),
    (
        "PENTAX Corporation",
        block(b"AOC\0MM", {0x34: eb.byte(0, 2, 0, 0)}, own_base=False, order=">"),
        {"drive_mode": DriveMode.SELF_TIMER},
    ),
    (
        "CASIO COMPUTER CO.,LTD.",
        block(b"QVC\0\0\0", {0x3001: eb.short(3), 0x3014: eb.short(64)}, own_base=False, order=">"),
        {"drive_mode": DriveMode.BRACKET, "iso": 64},
    ),
    (
        "Minolta Co., Ltd.",
        block(b"", {3: eb.undefined(struct.pack(">8I", 0, 0, 0, 0, 0, 0, 2, 0))}, own_base=False),
        {"drive_mode": DriveMode.SELF_TIMER},
    ),
    (
        "SIGMA",
        block(b"SIGMA\0\0\0\1\0", {2: eb.ascii_("9001"), 3: eb.ascii_("SINGLE")}, own_base=False),
        {"drive_mode": DriveMode.SINGLE, "camera_serial": "9001"},
    ),
    (
        "Apple",
        block(b"Apple iOS\0\0\1MM", {0x0B: eb.ascii_("0F6A-burst")}, own_base=True, order=">"),
        {"drive_mode": DriveMode.CONTINUOUS},
    ),
    ("SAMSUNG", block(b"", {0xA002: eb.ascii_("S-1")}, own_base=False), {"camera_serial": "S-1"}),
    ("Nobody", block(b"", {0x0001: eb.ascii_("x")}, own_base=False), {"drive_mode": None, "camera_serial": None}),
]  # fmt: skip


@pytest.mark.parametrize(("make", "note", "expected"), WORDS, ids=[f"{make} {n}" for n, (make, *_) in enumerate(WORDS)])
def test_the_others(read: Read, make: str, note: eb.Field, expected: dict[str, object]) -> None:
    found = read(photo(make, note))
    assert {name: getattr(found, name) for name in expected} == expected
    assert found.exposure_time_s == 0.125


def test_a_block_that_a_dng_converter_kept(read: Read) -> None:
    """Its offsets still count from the start of the raw file it was taken out of."""

    def make(order: str, at: int) -> bytes:
        original = 5_000
        body = eb.directory({0x0C: eb.long(77), 0x95: eb.ascii_("EF50mm f/1.2L")}, "<", original)
        return b"Adobe\0MakN" + struct.pack(">I", len(body) + 6) + b"II" + struct.pack(">I", original) + body

    found = read(eb.tiff({0x010F: eb.ascii_("Canon"), 0xC634: eb.placed(make)}), "dng")
    assert (found.camera_serial, found.lens_model) == ("77", "EF50mm f/1.2L")


def crw(shot: list[int]) -> bytes:
    """A CIFF heap: records, then a table of them, then where the table stands."""
    values = {
        0x080A: b"Canon\0Canon EOS D60\0",
        0x1810: struct.pack("<IIfi", 3072, 2048, 1.0, 90),
        0x180E: struct.pack("<III", 1_022_000_000, 0, 0),
        0x102A: struct.pack(f"<{len(shot)}h", *shot),
    }
    heap, rows = b"", struct.pack("<HII", 0x580B, 4242, 0)
    for tag, raw in values.items():
        rows += struct.pack("<HII", tag, len(raw), len(heap))
        heap += raw
    table = struct.pack("<H", len(values) + 1) + rows
    return b"II\x1a\0\0\0HEAPCCDR".ljust(26, b"\0") + heap + table + struct.pack("<I", len(heap))


def test_crw(read: Read) -> None:
    shot = [68] + [0] * 33
    shot[2], shot[21], shot[22] = 160, 160, 224  # ISO 100, f/5.66, 1/128 s
    data = crw(shot)
    found = read(data[:2] + (26).to_bytes(4, "little") + data[6:], "raw")
    assert (found.camera_make, found.camera_model, found.camera_serial) == ("Canon", "Canon EOS D60", "4242")
    assert (found.width, found.height, found.orientation) == (3072, 2048, 6)
    assert (found.iso, found.shutter_speed, found.captured.local) == (100, "1/128", "2002-05-21T16:53:20")
    assert found.aperture == pytest.approx(5.657, abs=1e-3)
