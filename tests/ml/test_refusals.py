"""A file that gives no picture is refused with the true reason, and leaves nothing behind."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from ml import decode
from ml.refusals import Reason, check_size
from tests.ml.conftest import Develop, Refuse
from tests.support import pictures

NOISE = pictures.noise(160, 120)
SEED = 20260

WHOLE: dict[str, Callable[[], bytes]] = {
    "baseline.jpg": lambda: pictures.jpeg(NOISE),
    "progressive.jpg": lambda: pictures.image(NOISE).jpegsave_buffer(Q=90, interlace=True),
    "plain.png": lambda: pictures.image(NOISE).pngsave_buffer(),
    "interlaced.png": lambda: pictures.image(NOISE).pngsave_buffer(interlace=True),
    "lossy.webp": lambda: pictures.image(NOISE).webpsave_buffer(Q=80),
    "lzw.tif": lambda: pictures.image(NOISE).tiffsave_buffer(compression="lzw"),
    "one.gif": lambda: pictures.image(NOISE).gifsave_buffer(),
    "av1.avif": lambda: pictures.image(NOISE).heifsave_buffer(compression="av1", Q=60, effort=0),
    "hevc.heic": lambda: pictures.heic(NOISE),
    "mosaic.dng": lambda: pictures.dng(None),
}


@pytest.mark.parametrize("name", WHOLE)
def test_cut_anywhere_behind_its_header(refuse: Refuse, name: str) -> None:
    whole = WHOLE[name]()
    chance = random.Random(SEED)
    for cut in [len(whole) // 2, *(chance.randrange(len(whole) // 4, len(whole) - 64) for _ in range(8))]:
        answer = refuse(whole[:cut], name)
        assert answer.refused is Reason.TRUNCATED, f"seed {SEED}, cut at {cut} of {len(whole)}: {answer}"
        assert answer.byte_offset == cut


@pytest.mark.parametrize("name", ["baseline.jpg", "progressive.jpg", "one.gif", "hevc.heic"])
def test_zeros_where_pixels_should_be(refuse: Refuse, name: str) -> None:
    whole = WHOLE[name]()
    answer = refuse(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2), name)
    assert answer.refused is Reason.TRUNCATED


def test_an_end_mark_behind_half_a_picture_deceives_nobody(refuse: Refuse) -> None:
    whole = WHOLE["baseline.jpg"]()
    assert refuse(whole[: len(whole) // 2] + b"\xff\xd9", "a.jpg").refused is Reason.TRUNCATED


@pytest.mark.parametrize("name", ["plain.png", "lossy.webp", "lzw.tif", "av1.avif"])
def test_zeros_that_the_decoder_finds_itself(refuse: Refuse, name: str) -> None:
    whole = WHOLE[name]()
    answer = refuse(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2), name)
    assert answer.refused in (Reason.CORRUPT, Reason.TRUNCATED)


@pytest.mark.parametrize("name", ["baseline.jpg", "progressive.jpg"])
@pytest.mark.parametrize("missing", [1, 2])
def test_only_the_end_mark_is_missing(develop: Develop, name: str, missing: int) -> None:
    assert decode.NO_END_MARK in develop(WHOLE[name]()[:-missing], name).notes


@pytest.mark.parametrize("trailer", [bytes(100_000), b"ftypmp42 a film" * 1000, b"\xff\xd9"])
def test_what_cameras_put_behind_the_end_is_no_damage(develop: Develop, trailer: bytes) -> None:
    assert decode.NO_END_MARK not in develop(WHOLE["baseline.jpg"]() + trailer, "a.jpg").notes


def test_an_unsound_jpeg_is_shown_and_told(develop: Develop) -> None:
    whole = WHOLE["baseline.jpg"]()
    tables = whole.index(b"\xff\xdb")
    done = develop(whole[:tables] + b"\x00\x00" + whole[tables:], "a.jpg")
    assert "unsound JPEG: Corrupt JPEG data: 2 extraneous bytes before marker 0xdb" in done.notes


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.NOT_AN_IMAGE),
        (b"\x00" * 10_000, Reason.NOT_AN_IMAGE),
        (b"<!DOCTYPE html>", Reason.NOT_AN_IMAGE),
        (b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", Reason.NOT_AN_IMAGE),
        (b"\xff\xd8\xff\xd9", Reason.CORRUPT),
        (b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00", Reason.CORRUPT),
        (b"GIF89a\x08\x00\x08\x00\x00\x00\x00;", Reason.CORRUPT),
        (b"IIRO\x08\x00\x00\x00" + bytes(5000), Reason.FORMAT_UNSUPPORTED),
        (pictures.cut_to_header_png(20_000, 15_001), Reason.TOO_LARGE),
        (pictures.cut_to_header_png(65_536, 10), Reason.TOO_LARGE),
    ],
)
def test_what_is_no_photo(refuse: Refuse, data: bytes, reason: Reason) -> None:
    answer = refuse(data, "photo.jpg")
    assert answer.refused is reason
    assert answer.message.endswith(".")


def test_the_largest_allowed_passes_the_header_check() -> None:
    check_size(20_000, 15_000)
    check_size(65_535, 4_577)
