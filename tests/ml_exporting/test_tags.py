"""What exported files tell, by policy and format: asked of our own reader, and of exiftool."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

from ml import metadata
from ml.exporting.still import Still
from ml.metadata import Metadata
from tests.support import pictures

Render = Callable[..., list[Still]]

FORMATS = ("jpeg", "png", "tiff", "webp")
POLICIES = ("all", "no_location", "copyright", "none")
FIELDS = {
    "title": 'Zürich & <北京> "quoted"',
    "description": "Two\nlines, čeština, 😀",
    "keywords": ["bride", "Łódź", "bride", "a, b"],
    "creator": "Jana Nováková",
    "copyright": "© 2026 Jana Nováková",
    "rating": 4,
    "label": "Red",
    "captured_local": "2026-06-20T09:00:07.120000+02:00",
    "gps": [-33.856784, 151.215297],
}
#: Planted in the original; none of it may be found in any file.
SECRETS = ("SN-4711-SECRET", "Owner Secret", "Secret Street", "C:\\Secret", "secret maker note", "secret history")


def original() -> bytes:
    """A camera's JPEG that tells all there is to tell."""
    image = pictures.image(
        pictures.pixels(),
        exif_ifd0_Make="Kilo Optics",
        exif_ifd0_Model="K-1",
        exif_ifd0_DocumentName="C:\\Secret",
        exif_ifd2_BodySerialNumber="SN-4711-SECRET",
        exif_ifd2_LensSerialNumber="SN-4711-SECRET",
        exif_ifd2_CameraOwnerName="Owner Secret",
        exif_ifd2_MakerNote="secret maker note",
        exif_ifd2_LensModel="50mm f/1.8",
        exif_ifd2_ExposureTime="1/250",
        exif_ifd2_FNumber="28/10",
        exif_ifd2_ISOSpeedRatings="400",
        exif_ifd2_FocalLength="50/1",
        exif_ifd3_GPSLatitude="52/1 31/1 0/1",
        exif_ifd3_GPSAreaInformation="Secret Street",
        orientation=6,
    )
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
        b'photoshop:City="Secret Street" photoshop:History="secret history"/></rdf:RDF></x:xmpmeta>'
    )
    image.set_type(pyvips.GValue.blob_type, "xmp-data", packet)
    made: bytes = image.jpegsave_buffer(Q=95)
    return made


def exported(render: Render, format: str, policy: str, **fields: Any) -> Still:
    [made] = render(original(), format=format, metadata=policy, fields={**FIELDS, **fields})
    return made


def read(made: Still) -> Metadata:
    return metadata.read(made.path, made.content_type.removeprefix("image/"))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_lets_through_what_it_says(render: Render, format: str, policy: str) -> None:
    found = read(exported(render, format, policy))
    told, credited = policy in ("all", "no_location"), policy != "none"
    assert found.title == (FIELDS["title"] if told else None)
    assert found.description == (FIELDS["description"] if told else None)
    assert found.keywords == (["bride", "Łódź", "a, b"] if told else [])
    assert found.creator == (FIELDS["creator"] if credited else None)
    assert found.copyright == (FIELDS["copyright"] if credited else None)
    assert found.rating == (4 if told else None)
    assert found.label == ("Red" if told else None)
    assert found.captured.local == ("2026-06-20T09:00:07.120000" if told else None)
    assert found.captured.offset_minutes == (120 if told else None)
    assert (found.camera_make, found.camera_model) == (("Kilo Optics", "K-1") if told else (None, None))
    assert found.lens_model == ("50mm f/1.8" if told else None)
    camera = (found.shutter_speed, found.aperture, found.iso, found.focal_length_mm)
    assert camera == (("1/250", 2.8, 400, 50.0) if told else (None, None, None, None))
    assert found.orientation == 1
    assert found.notes == []


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("policy", POLICIES)
def test_only_all_tells_the_place(render: Render, format: str, policy: str) -> None:
    found = read(exported(render, format, policy))
    if policy == "all":
        assert found.gps_latitude == pytest.approx(-33.856784, abs=1e-8)
        assert found.gps_longitude == pytest.approx(151.215297, abs=1e-8)
    else:
        assert (found.gps_latitude, found.gps_longitude) == (None, None)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_else_of_the_original_is_in_the_file(render: Render, format: str, policy: str) -> None:
    assert all(secret.encode() in original() for secret in SECRETS[:2])
    data = Path(exported(render, format, policy).path).read_bytes()
    for secret in SECRETS:
        for encoded in (secret.encode(), secret.encode("utf-16-le"), secret.encode("utf-16-be")):
            assert encoded not in data
    if policy == "none":
        assert not any(mark in data for mark in (b"Exif\x00", b"eXIf", b"EXIF", b"xmpmeta", b"8BIM", b"Nov"))


@pytest.mark.parametrize("format", FORMATS)
def test_the_pixels_do_not_know_of_the_metadata(render: Render, format: str) -> None:
    found = [np.asarray(pyvips.Image.new_from_file(exported(render, format, policy).path)) for policy in POLICIES]
    assert all(np.array_equal(found[0], other) for other in found[1:])


@pytest.mark.parametrize("format", FORMATS)
def test_without_words_there_are_no_empty_ones(render: Render, format: str) -> None:
    [made] = render(pictures.jpeg(), format=format, metadata="no_location", fields={"title": "  ", "keywords": [""]})
    found = read(made)
    assert (found.title, found.keywords, found.creator, found.rating) == (None, [], None, None)
    assert (found.xmp, found.iptc) == ({}, {})


@pytest.mark.parametrize("format", FORMATS)
def test_what_no_block_has_room_for_is_cut_and_the_file_stays_sound(render: Render, format: str) -> None:
    words = {
        "title": "ž" * 90_000,
        "description": "ž\x00\x08" * 90_000,
        "keywords": [f"ž{number}" * 10 for number in range(20_000)],
        "copyright": "ž" * 90_000,
        "captured_local": "no time at all",
        "gps": [91.0, 200.0],
    }
    [made] = render(original(), format=format, metadata="all", fields=words)
    found = read(made)
    assert found.title is not None
    assert set(found.title) == {"ž"}
    assert len(found.keywords) > 100
    assert (found.gps_latitude, found.captured.local) == (None, None)
    assert found.notes == []
    assert pyvips.Image.new_from_file(made.path, fail_on="warning").numpy().shape == (96, 64, 3)


@pytest.mark.parametrize("rating", [-1, 0, 5, None])
def test_ratings_are_kept(render: Render, rating: int | None) -> None:
    found = read(exported(render, "jpeg", "no_location", rating=rating))
    assert found.rating == rating


# --- exiftool --------------------------------------------------------------------------------------------------------


def said_by_exiftool(path: str) -> dict[str, Any]:
    command = ["exiftool", "-j", "-G1", "-n", "-struct", "-a", path]
    done = subprocess.run(command, capture_output=True, check=True)
    [found] = json.loads(done.stdout)
    return dict(found)


#: The only families of tags that a file may have, by policy, besides what its format and profile are made of.
_OF_FORMAT = ("SourceFile", "ExifTool", "System", "File", "Composite", "ICC", "PNG", "RIFF", "JFIF", "Photoshop")


@pytest.mark.exiftool
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("policy", POLICIES)
def test_exiftool_reads_the_same(render: Render, format: str, policy: str) -> None:
    found = said_by_exiftool(exported(render, format, policy).path)
    told, credited = policy in ("all", "no_location"), policy != "none"
    expected = {
        "XMP-dc:Title": FIELDS["title"] if told else None,
        "XMP-dc:Subject": ["bride", "Łódź", "a, b"] if told else None,
        "XMP-dc:Creator": [FIELDS["creator"]] if credited else None,
        "XMP-dc:Rights": FIELDS["copyright"] if credited else None,
        "XMP-xmp:Rating": 4 if told else None,
        "XMP-xmp:Label": "Red" if told else None,
        "IFD0:Artist": FIELDS["creator"] if credited else None,
        "IFD0:Copyright": FIELDS["copyright"] if credited else None,
        "IFD0:Make": "Kilo Optics" if told else None,
        "IFD0:Orientation": 1 if credited or format == "tiff" else None,
        "ExifIFD:DateTimeOriginal": "2026:06:20 09:00:07" if told else None,
        "ExifIFD:OffsetTimeOriginal": "+02:00" if told else None,
        "ExifIFD:ExposureTime": 0.004 if told else None,
        "Composite:GPSLatitude": pytest.approx(-33.856784, abs=1e-8) if policy == "all" else None,
        "Composite:GPSLongitude": pytest.approx(151.215297, abs=1e-8) if policy == "all" else None,
    }
    if format in ("jpeg", "tiff"):
        expected |= {
            "IPTC:ObjectName": FIELDS["title"] if told else None,
            "IPTC:Keywords": ["bride", "Łódź", "a, b"] if told else None,
            "IPTC:By-line": FIELDS["creator"] if credited else None,
            "IPTC:CopyrightNotice": FIELDS["copyright"] if credited else None,
        }
    if format == "jpeg" and credited:
        assert found["Photoshop:IPTCDigest"] == found["File:CurrentIPTCDigest"]
    assert {name: found.get(name) for name in expected} == expected


@pytest.mark.exiftool
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("policy", POLICIES)
def test_exiftool_finds_no_family_too_many(render: Render, format: str, policy: str) -> None:
    found = said_by_exiftool(exported(render, format, policy).path)
    families = {name.partition(":")[0] for name in found}
    families = {family for family in families if not family.startswith(_OF_FORMAT)}
    allowed = {"IFD0"} if format == "tiff" else set()
    if policy != "none":
        allowed |= {"IFD0", "ExifIFD", "XMP-x", "XMP-dc", "XMP-xmpRights", "IPTC"}
    if policy in ("all", "no_location"):
        allowed |= {"XMP-xmp", "XMP-photoshop"}
    if policy == "all":
        allowed |= {"GPS"}
    assert families <= allowed
    assert not any("Serial" in name or "Owner" in name or "Thumbnail" in name for name in found)
    errors = [value for name, value in found.items() if name.endswith(":Error")]
    assert errors == []
