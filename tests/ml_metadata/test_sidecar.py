"""Sidecars: what is written is read back, and what others wrote stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import rdf, xmp
from ml.metadata import Metadata
from ml.rdf import NotXmp
from tests.support import exif_bytes as eb

Read = Callable[..., Metadata]

#: As Lightroom leaves it: settings in attributes, curves and looks in elements, a history, and the words.
LIGHTROOM = eb.packet(
    ' xmp:Rating="2" xmp:Label="Blue" crs:Exposure2012="+0.50" crs:HasSettings="True"'
    ' photoshop:SidecarForExtension="NEF">'
    "<dc:subject><rdf:Bag><rdf:li>lake</rdf:li><rdf:li>Oslo</rdf:li></rdf:Bag></dc:subject>"
    "<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>Old</rdf:li><rdf:li xml:lang='de'>Alt</rdf:li></rdf:Alt>"
    "</dc:title>"
    "<lr:hierarchicalSubject><rdf:Bag><rdf:li>nature|lake</rdf:li><rdf:li>Norway|Oslo</rdf:li></rdf:Bag>"
    "</lr:hierarchicalSubject>"
    "<crs:ToneCurvePV2012><rdf:Seq>\n <rdf:li>0, 0</rdf:li>\n <rdf:li>255, 255</rdf:li>\n</rdf:Seq>"
    "</crs:ToneCurvePV2012>"
    '<crs:Look><rdf:Description crs:Name="A &amp; &quot;B&quot; &lt;C&gt;&#13;&#10;D"/></crs:Look>'
)
OURS = {"xmp:Rating", "xmp:Label", "dc:subject", "dc:title", "dc:description", "lr:hierarchicalSubject"}


def written(existing: bytes | None, **words: object) -> bytes:
    full = {"rating": None, "label": None, "keywords": [], "title": None, "description": None, **words}
    return xmp.sidecar(**full, existing=existing, document_name="DSC_1.NEF")  # type: ignore[arg-type]


def foreign(packet: bytes) -> dict[str, xmp.Property]:
    return {name: value for name, value in xmp.properties(packet, []).items() if name not in OURS}


def test_a_new_sidecar(read: Read) -> None:
    found = read(
        written(None, rating=-1, label="Rød", keywords=["b", "a", "b", ""], title="T & <U>", description="two\nlines"),
        "xmp",
    )
    assert (found.rating, found.label, found.keywords) == (-1, "Rød", ["b", "a"])
    assert (found.title, found.description) == ("T & <U>", "two\nlines")
    assert found.xmp["photoshop:SidecarForExtension"] == "NEF"
    assert found.notes == []


def test_nothing_to_say_is_still_a_packet(read: Read) -> None:
    assert read(written(None), "xmp").xmp == {"photoshop:SidecarForExtension": "NEF"}


def test_what_others_wrote_stays(read: Read) -> None:
    after = written(LIGHTROOM, rating=5, label="Red", keywords=["lake", "boat"], title="New", description="A boat")
    found = read(after, "xmp")
    assert (found.rating, found.label, found.keywords) == (5, "Red", ["lake", "boat"])
    assert (found.title, found.description) == ("New", "A boat")
    assert foreign(after) == foreign(LIGHTROOM)
    assert foreign(after)["crs:Look"] == {"crs:Name": 'A & "B" <C>\r\nD'}
    # Oslo is no keyword any more, so its path may not bring it back
    assert found.xmp["lr:hierarchicalSubject"] == ["nature|lake"]


def test_what_is_taken_out_is_gone(read: Read) -> None:
    after = written(LIGHTROOM)
    assert OURS & set(xmp.properties(after, [])) == {"lr:hierarchicalSubject"}
    assert read(after, "xmp").keywords == []
    assert foreign(after) == foreign(LIGHTROOM)


def test_what_says_it_already_is_left_as_it_stands() -> None:
    words = {"rating": 2, "label": "Blue", "keywords": ["lake", "Oslo"], "title": "Old"}
    assert written(LIGHTROOM, **words) == rdf.written(rdf.parse(LIGHTROOM))
    assert b'xml:lang="de"' in written(LIGHTROOM, **words)
    assert b'xml:lang="de"' not in written(LIGHTROOM, **{**words, "title": "New"})


def test_writing_again_changes_nothing() -> None:
    first = written(LIGHTROOM, rating=5, title="New")
    assert written(first, rating=5, title="New") == first
    packets = [first]
    for rating in (1, 2, 3, 4):
        packets.append(written(packets[-1], rating=rating, title="New"))
    assert [one.count(b"<rdf:Description") for one in packets[1:]] == [packets[1].count(b"<rdf:Description")] * 4


def test_unrated_is_said_or_not_said(read: Read) -> None:
    assert read(written(LIGHTROOM, rating=0), "xmp").rating == 0
    assert read(written(LIGHTROOM, rating=None), "xmp").rating is None
    for rating in (-2, 6):
        with pytest.raises(ValueError, match="-1 to 5"):
            written(None, rating=rating)


def test_all_descriptions_are_about_the_same() -> None:
    """Adobe's readers refuse a packet whose descriptions are about different things."""
    packet = LIGHTROOM.replace(b'rdf:about=""', b'rdf:about="uuid:7"')
    assert written(packet, rating=4).count(b'rdf:about="uuid:7"') == 2


def test_elements_and_foreign_prefixes(read: Read) -> None:
    """The same properties spelt as elements, under prefixes that mean something else elsewhere."""
    packet = eb.packet(
        "><a:Rating>3</a:Rating><a:Label>Red</a:Label><xmp:Rating>not ours</xmp:Rating>",
        a=eb.NAMESPACES["xmp"], xmp="http://example.org/",
    )  # fmt: skip
    after = written(packet, rating=1)
    assert (read(after, "xmp").rating, read(after, "xmp").label) == (1, None)
    assert b"not ours" in after


@pytest.mark.parametrize(
    "existing",
    [
        b"",
        b"not xml",
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>",
        b"<html/>",
        b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><x:xmpmeta xmlns:x='adobe:ns:meta/'>&a;</x:xmpmeta>",
        b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'><x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
        b"<a>" * 70 + b"</a>" * 70,
        b"<x:xmpmeta>" + b" " * rdf.MAX_BYTES,
    ],
    ids=range(8),
)
def test_what_cannot_be_read_is_not_written_over(existing: bytes) -> None:
    with pytest.raises(NotXmp):
        written(existing, rating=1)


def test_a_packet_that_declares_entities_says_nothing(read: Read) -> None:
    bomb = b"<!DOCTYPE x [<!ENTITY a 'x'>" + b"".join(
        b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10 if n else b"&a;") for n in range(9)
    )
    found = read(bomb + b"]>" + LIGHTROOM.replace(b"Blue", b"&a8;"), "xmp")
    assert (found.xmp, found.notes) == ({}, ["XMP that cannot be read: it declares a document type"])


TEXTS = st.text(max_size=30)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    rating=st.none() | st.integers(-1, 5),
    label=st.none() | TEXTS,
    keywords=st.lists(TEXTS, max_size=5),
    title=st.none() | TEXTS,
    description=st.none() | TEXTS,
    existing=st.none() | st.just(LIGHTROOM),
)
def test_whatever_is_written_is_read_back(
    rating: int | None, label: str | None, keywords: list[str], title: str | None, description: str | None,
    existing: bytes | None,
) -> None:  # fmt: skip
    """Any text comes back, but for what XML cannot carry and blanks at its ends."""
    words = {"rating": rating, "label": label, "keywords": keywords, "title": title, "description": description}
    packet = written(existing, **words)
    found = xmp.properties(packet, [])
    assert found.get("xmp:Rating") == (None if rating is None else str(rating))
    for name, value in (("xmp:Label", label), ("dc:title", title), ("dc:description", description)):
        assert found.get(name, "") == carried(value)
    assert found.get("dc:subject", []) == list(dict.fromkeys(filter(None, map(carried, keywords))))
    if existing is not None:
        assert foreign(packet) == foreign(existing)
    assert written(packet, **words) == packet


def carried(text: str | None) -> str:
    """What of a text XML 1.0 can carry (section 2.2), less the controls that it discourages."""
    kept = (
        one
        for one in (text or "").replace("\r\n", "\n")
        if one in "\n\t"
        or " " <= one <= "~"
        or "\xa0" <= one <= "\ud7ff"
        or "\ue000" <= one <= "\ufffd"
        or one > "\uffff"
    )
    return "".join(kept).strip()
