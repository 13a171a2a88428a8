"""Title, description, creator, keywords, rating, label: whose word counts, and every spelling of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ml import iptc
from ml.metadata import Metadata
from tests.support import exif_bytes as eb

Read = Callable[..., Metadata]

EXIF = eb.tiff(
    {
        0x010E: eb.ascii_("exif text"),
        0x013B: eb.ascii_("exif creator"),
        0x8298: eb.ascii_("exif rights"),
        0x9C9B: eb.undefined("exif title\0".encode("utf-16-le")),
        0x9C9E: eb.undefined("one;two\0".encode("utf-16-le")),
    }
)
IPTC = eb.records(
    (5, b"iptc title"),
    (25, b"three"),
    (25, "vier ü".encode()),
    (80, b"iptc creator"),
    (116, b"iptc rights"),
    (120, b"iptc text"),
    utf8=True,
)
XMP = eb.packet(
    "><dc:title><rdf:Alt><rdf:li xml:lang='de'>Titel</rdf:li><rdf:li xml:lang='x-default'>xmp title</rdf:li></rdf:Alt>"
    "</dc:title><dc:description><rdf:Alt><rdf:li xml:lang='de'>xmp text</rdf:li></rdf:Alt></dc:description>"
    "<dc:creator><rdf:Seq><rdf:li>Ada</rdf:li><rdf:li>Grace</rdf:li></rdf:Seq></dc:creator>"
    "<dc:rights><rdf:Alt><rdf:li xml:lang='x-default'>xmp rights</rdf:li></rdf:Alt></dc:rights>"
    "<dc:subject><rdf:Bag><rdf:li>five</rdf:li><rdf:li> six </rdf:li><rdf:li>five</rdf:li></rdf:Bag></dc:subject>"
)


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ((EXIF, XMP, IPTC), ("xmp title", "xmp text", "Ada, Grace", "xmp rights", ["five", "six"])),
        ((EXIF, None, IPTC), ("iptc title", "iptc text", "iptc creator", "iptc rights", ["three", "vier ü"])),
        ((EXIF, None, None), ("exif title", "exif text", "exif creator", "exif rights", ["one", "two"])),
    ],
)
def test_xmp_before_iptc_before_exif(read: Read, blocks: tuple[bytes, bytes, bytes], expected: object) -> None:
    found = read(eb.jpeg(*blocks))
    assert (found.title, found.description, found.creator, found.copyright, found.keywords) == expected


@pytest.mark.parametrize(
    ("properties", "rating"),
    [
        (' xmp:Rating="5">', 5),
        ("><xmp:Rating>3</xmp:Rating>", 3),
        (' xmp:Rating="-1">', -1),
        (' xmp:Rating="-1.0">', -1),
        (' xmp:Rating="0">', 0),
        (' xmp:Rating="3.7">', 3),
        (' MicrosoftPhoto:Rating="75">', 4),
        (' xmp:Rating="2" MicrosoftPhoto:Rating="99">', 2),
        (' xmp:Rating="6">', None),
        (' xmp:Rating="-2">', None),
        (' xmp:Rating="nan">', None),
        (' xmp:Rating="inf" MicrosoftPhoto:Rating="nan">', None),
        (' xmp:Rating="many">', None),
        (">", None),
    ],
)
def test_ratings(read: Read, properties: str, rating: int | None) -> None:
    assert read(eb.packet(properties), "xmp").rating == rating


def test_a_rating_of_the_camera(read: Read) -> None:
    assert read(eb.jpeg(eb.tiff({0x4746: eb.short(4)}))).rating == 4
    assert read(eb.jpeg(eb.tiff({0x4746: eb.short(4)}), eb.packet(' xmp:Rating="0">'))).rating == 0


@pytest.mark.parametrize(
    "properties",
    [
        "><dc:subject><rdf:Bag><rdf:li>lake</rdf:li><rdf:li>Oslo</rdf:li></rdf:Bag></dc:subject>",
        "><dc:subject><rdf:Seq><rdf:li>lake</rdf:li><rdf:li>Oslo</rdf:li></rdf:Seq></dc:subject>",
        "><lr:hierarchicalSubject><rdf:Bag><rdf:li>nature|lake</rdf:li><rdf:li>Norway|Oslo</rdf:li></rdf:Bag>"
        "</lr:hierarchicalSubject>",
        "><digiKam:TagsList><rdf:Seq><rdf:li>nature/lake</rdf:li><rdf:li>Norway/Oslo</rdf:li></rdf:Seq>"
        "</digiKam:TagsList>",
    ],
)
def test_keywords(read: Read, properties: str) -> None:
    assert read(eb.packet(properties), "xmp").keywords == ["lake", "Oslo"]


def test_old_prefixes_and_several_descriptions(read: Read) -> None:
    """Older programs call XMP's own namespace xap, and start a description for each namespace."""
    packet = eb.packet(' xap:Label="Green">', ' p:Rating="2">', xap=eb.NAMESPACES["xmp"], p=eb.NAMESPACES["xmp"])
    found = read(packet, "xmp")
    assert (found.label, found.rating) == ("Green", 2)


def test_structures_and_settings_are_kept(read: Read) -> None:
    properties = (
        ' crs:Contrast2012="+20"><crs:ToneCurvePV2012><rdf:Seq><rdf:li>0, 0</rdf:li><rdf:li>255, 255</rdf:li></rdf:Seq>'
        '</crs:ToneCurvePV2012><crs:Look><rdf:Description crs:Name="Soft"><crs:Parameters crs:Version="15.4"/>'
        "</rdf:Description></crs:Look><crs:Lens rdf:parseType='Resource'><crs:Scale>1</crs:Scale></crs:Lens>"
    )
    assert read(eb.packet(properties), "xmp").xmp == {
        "crs:Contrast2012": "+20",
        "crs:ToneCurvePV2012": ["0, 0", "255, 255"],
        "crs:Look": {"crs:Name": "Soft", "crs:Parameters": {"crs:Version": "15.4"}},
        "crs:Lens": {"crs:Scale": "1"},
    }


def test_what_xmp_mirrors_of_exif(read: Read) -> None:
    """An export without Exif, or a sidecar, still says how the photo was taken."""
    found = read(
        eb.packet(
            ' tiff:Make="Canon" tiff:Orientation="8" exif:ExposureTime="1/60" exif:FNumber="28/10" aux:Lens="EF50mm"'
            ' exif:FocalLength="50/1" exif:DateTimeOriginal="2025-07-04T16:30:05.5-03:30" exif:GPSLatitude="33,30.6S"'
            ' exif:GPSLongitude="70,15,0W" exif:GPSAltitude="12/1" exif:GPSAltitudeRef="1" tiff:ImageWidth="60"'
            ' tiff:ImageLength="40">'
            "<exif:ISOSpeedRatings><rdf:Seq><rdf:li>400</rdf:li></rdf:Seq></exif:ISOSpeedRatings>"
            '<exif:Flash exif:Fired="True" exif:Mode="1"/>'
        ),
        "xmp",
    )
    assert (found.camera_make, found.orientation, found.shutter_speed, found.aperture) == ("Canon", 8, "1/60", 2.8)
    assert (found.lens_model, found.focal_length_mm, found.iso, found.flash_fired) == ("EF50mm", 50.0, 400, True)
    assert (found.captured.local, found.captured.offset_minutes) == ("2025-07-04T16:30:05.500000", -210)
    assert (found.gps_latitude, found.gps_longitude, found.gps_altitude_m) == (-33.51, -70.25, -12.0)
    assert (found.width, found.height) == (60, 40)


def test_exif_is_believed_before_its_mirror(read: Read) -> None:
    found = read(eb.jpeg(eb.tiff({0x010F: eb.ascii_("Nikon")}), eb.packet(' tiff:Make="Canon" tiff:Model="5D">')))
    assert (found.camera_make, found.camera_model) == ("Nikon", "5D")


def test_charsets(read: Read) -> None:
    """UTF-8 where the bytes are that or say so; else Windows-1252, with a note."""
    notes: list[str] = []
    assert iptc.records(eb.records((5, "Zoë".encode("cp1252"))), notes) == {"ObjectName": "Zoë"}
    assert notes == ["text of an unknown charset, read as Windows-1252"]
    assert iptc.records(eb.records((5, "Zoë".encode()), utf8=True), []) == {"ObjectName": "Zoë"}
    found = read(eb.packet(' xmp:Label="Zoë">').decode().replace("\ufeff", "").encode("cp1252"), "xmp")
    assert (found.label, found.notes) == ("Zoë", ["XMP that is not UTF-8, read as Windows-1252"])
    assert read(eb.packet(' xmp:Label="Zoë">').decode().encode("utf-16"), "xmp").label == "Zoë"


def test_segments_of_photoshop_are_one(read: Read) -> None:
    """More than fits into a segment goes on in the next one."""
    raw = eb.resources(eb.records((5, b"title"), (120, b"x" * 30_000)))
    parts = [eb.segment(0xED, b"Photoshop 3.0\0" + part) for part in (raw[:20_000], raw[20_000:])]
    found = read(b"\xff\xd8" + b"".join(parts) + b"\xff\xd9")
    assert (found.title, found.description) == ("title", "x" * 30_000)


def test_more_xmp_than_a_segment_holds(read: Read) -> None:
    more = eb.packet(' crs:RawFileName="a.cr3">')
    head = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + len(more).to_bytes(4, "big")
    cut = len(more) // 2
    parts = [eb.segment(0xE1, head + at.to_bytes(4, "big") + more[at:end]) for at, end in ((cut, len(more)), (0, cut))]
    found = read(eb.jpeg(None, eb.packet(' xmp:Rating="3">'))[:-6] + b"".join(parts) + b"\xff\xd9")
    assert found.xmp == {"xmp:Rating": "3", "crs:RawFileName": "a.cr3"}
