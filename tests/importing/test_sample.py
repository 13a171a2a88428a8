"""The sample shoot is what it says: its files are read by others than those who wrote them."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
import rawpy
from PIL import ExifTags, Image

from kilo_gql import sample_shoot
from tests.importing.conftest import SMALL

WHITE_BALANCE = [1 / 0.52, 1.0, 1 / 0.64]


@pytest.fixture
def camera(shoot: Path) -> Path:
    return shoot / "DCIM" / "100KILO"


def exif(path: Path) -> dict[int, object]:
    with Image.open(path, formats=["JPEG"]) as picture:
        read = picture.getexif()
        return {**read, **read.get_ifd(ExifTags.IFD.Exif), ExifTags.IFD.GPSInfo: read.get_ifd(ExifTags.IFD.GPSInfo)}


def test_what_it_consists_of(shoot: Path) -> None:
    names = sorted(path.name for path in shoot.rglob("*") if path.is_file())
    assert [name for name in names if name.startswith("KLO")] == sorted(
        [
            *(f"KLO_{number:04}.JPG" for number in (*range(1, 30), 31)),
            *("KLO_0028.DNG", "KLO_0029.DNG", "KLO_0029.xmp", "KLO_0030.DNG"),
        ]
    )
    assert [name for name in names if not name.startswith("KLO")] == [
        *(
            "._IMG_4001.HEIC",
            "IMG_4001.HEIC",
            "IMG_4002.JPG",
            "IMG_4003.webp",
            "IMG_4004.png",
            "IMG_4005.JPG",
            "Thumbs.db",
        )
    ]


def test_bursts_have_sub_seconds(camera: Path) -> None:
    shots = [exif(camera / f"KLO_{number:04}.JPG") for number in range(5, 13)]
    assert {(shot[ExifTags.Base.DateTimeOriginal], shot[ExifTags.Base.OffsetTimeOriginal]) for shot in shots} == {
        ("2026:06:20 19:51:07", "+02:00")
    }
    assert [shot[ExifTags.Base.SubsecTimeOriginal] for shot in shots] == [
        *("000", "125", "250", "375", "500", "625", "750", "875")
    ]


def test_a_bracket_is_evenly_spaced_and_so_is_its_light(camera: Path) -> None:
    shots = [exif(camera / f"KLO_{number:04}.JPG") for number in range(19, 24)]
    assert [float(shot[ExifTags.Base.ExposureBiasValue]) for shot in shots] == [-2, -1, 0, 1, 2]  # type: ignore[arg-type]
    assert [round(1 / float(shot[ExifTags.Base.ExposureTime])) for shot in shots] == [120, 60, 30, 15, 8]  # type: ignore[arg-type]
    assert [shot[ExifTags.Base.ExposureMode] for shot in shots] == [2] * 5
    means = []
    for number in range(19, 24):
        with Image.open(camera / f"KLO_{number:04}.JPG", formats=["JPEG"]) as picture:
            grey = picture.convert("L").histogram()
            means.append(sum(level * count for level, count in enumerate(grey)) / sum(grey))
    assert means == sorted(means)


def test_places_and_sides(camera: Path) -> None:
    place = exif(camera / "KLO_0001.JPG")[ExifTags.IFD.GPSInfo]
    assert isinstance(place, dict)
    degrees, minutes, seconds = (float(part) for part in place[ExifTags.GPS.GPSLatitude])
    assert round(degrees + minutes / 60 + seconds / 3600, 4) == 47.5622
    assert [exif(camera / f"KLO_{number:04}.JPG")[ExifTags.Base.Orientation] for number in (24, 26, 27)] == [1, 6, 8]
    with Image.open(camera / "KLO_0026.JPG", formats=["JPEG"]) as picture:
        assert picture.size == (SMALL, SMALL * 2 // 3)


@pytest.mark.parametrize(("number", "preview"), [(28, True), (29, True), (30, False)])
def test_a_negative_is_a_mosaic_that_libraw_develops(camera: Path, number: int, preview: bool) -> None:
    with rawpy.imread(str(camera / f"KLO_{number:04}.DNG")) as raw:
        assert (raw.sizes.raw_width, raw.sizes.raw_height) == (SMALL, SMALL * 2 // 3)
        assert (raw.black_level_per_channel, raw.white_level) == ([512] * 4, 16383)
        assert raw.raw_pattern is not None
        assert raw.raw_pattern.tolist() == [[0, 1], [3, 2]]
        assert raw.camera_whitebalance[:3] == pytest.approx(WHITE_BALANCE, rel=1e-4)
        assert raw.postprocess().shape == (SMALL * 2 // 3, SMALL, 3)
        if not preview:
            with pytest.raises(rawpy.LibRawNoThumbnailError):
                raw.extract_thumb()
            return
        shown = Image.open(io.BytesIO(bytes(raw.extract_thumb().data)), formats=["JPEG"])
        assert shown.size == (SMALL, SMALL * 2 // 3)


def test_the_same_shoot_is_drawn_again(shoot: Path, tmp_path: Path) -> None:
    again = sample_shoot.render(tmp_path, SMALL)
    assert [hashlib.sha256(path.read_bytes()).digest() for path in again] == [
        hashlib.sha256((shoot / path.relative_to(tmp_path)).read_bytes()).digest() for path in again
    ]
