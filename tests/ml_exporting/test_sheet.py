"""Contact sheets: what stands on their pages, what is in the file, and what they cost in memory.

What a page shows is asked of poppler (``pdftotext``, ``pdftoppm``), which comes with exiftool's lane.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

from ml import jpeg
from ml.exporting import sheet, sheet_layout
from ml.exporting.paper import BOLD, REGULAR, fitted, shown, width_of
from ml.exporting.sheet import Sheet
from ml.exporting.sheet_layout import MARGIN, Orientation, Paper
from tests.support import pictures

Lay = Callable[..., Sheet]


@pytest.fixture
def lay(out: Path) -> Lay:
    """``lay([photo, ...], title="A", ...)``: the sheet of these photos."""

    def run(photos: list[dict[str, Any]], **plan: Any) -> Sheet:
        return sheet.render(str(out), {"title": "Wedding", "photos": photos, **plan})

    return run


def photo(tmp_path: Path, name: str, data: bytes | None = None, **more: Any) -> dict[str, Any]:
    """A photo of a sheet, whose file holds ``data``."""
    path = tmp_path / hashlib.sha256(name.encode()).hexdigest()
    path.write_bytes(pictures.jpeg(pictures.pixels(300, 200)) if data is None else data)
    return {"path": str(path), "name": name, **more}


def text_of(made: Sheet, page: int | None = None) -> str:
    """The text as poppler finds it."""
    pages = [] if page is None else ["-f", str(page), "-l", str(page)]
    done = subprocess.run(["pdftotext", *pages, made.path, "-"], capture_output=True, check=True)
    return done.stdout.decode()


def drawn(made: Sheet, page: int = 1) -> pictures.Pixels:
    """The page as poppler draws it, 72 dots an inch: a pixel is a point."""
    command = ["pdftoppm", "-r", "72", "-png", "-f", str(page), "-l", str(page), "-singlefile", made.path, made.path]
    subprocess.run(command, check=True)
    return np.asarray(pyvips.Image.new_from_file(f"{made.path}.png").numpy())


# --- the file --------------------------------------------------------------------------------------------------------


def test_a_sheet_is_what_it_says(lay: Lay, tmp_path: Path) -> None:
    made = lay([photo(tmp_path, f"{n}.jpg") for n in range(45)], columns=4, rows=5)
    data = Path(made.path).read_bytes()
    assert data.startswith(b"%PDF-1.4\n")
    assert data.endswith(b"%%EOF\n")
    assert (made.content_type, made.byte_size, made.pages, made.notes) == ("application/pdf", len(data), 3, [])
    assert (made.sha256, made.crc32) == (hashlib.sha256(data).hexdigest(), zlib.crc32(data))
    assert len(re.findall(rb"/Type /Page\b", data)) == 3


def test_the_table_of_a_pdf_points_at_its_objects(lay: Lay, tmp_path: Path) -> None:
    data = Path(lay([photo(tmp_path, f"{n}.jpg") for n in range(9)], rows=2, columns=2).path).read_bytes()
    begun = int(re.search(rb"startxref\s+(\d+)", data)[1])  # type: ignore[index]
    lines = data[begun:].splitlines()
    assert lines[0].strip() == b"xref"
    count = int(lines[1].split()[1])
    for number, line in enumerate(lines[2 : 2 + count]):
        if number:
            offset = int(line[:10])
            assert data[offset:].startswith(f"{number} 0 obj".encode())


def test_the_same_photos_give_the_same_bytes(lay: Lay, tmp_path: Path) -> None:
    photos = [photo(tmp_path, f"{n}.jpg", rating=n % 6) for n in range(7)]
    first = lay(photos, made_at="2026-11-21T10:00:00+00:00").sha256
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = [{**one, "path": str(elsewhere / f"{n}")} for n, one in enumerate(photos)]
    for old, new in zip(photos, moved, strict=True):
        Path(new["path"]).write_bytes(Path(old["path"]).read_bytes())
    assert lay(moved, made_at="2026-11-21T10:00:00+00:00").sha256 == first
    assert lay(photos, made_at="2026-11-22T10:00:00+00:00").sha256 != first


def test_another_process_writes_the_same_bytes(lay: Lay, tmp_path: Path) -> None:
    one = photo(tmp_path, "a.jpg", chips=["Sharpest frame"])
    first = lay([one], gallery_url="https://example.test/g/abc").sha256
    code = (
        "import sys, json; from ml.exporting import sheet;"
        f"plan = {{'title': 'Wedding', 'photos': [{one!r}], 'gallery_url': 'https://example.test/g/abc'}};"
        f"print(sheet.render({str(tmp_path)!r}, plan).sha256)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == first


@pytest.mark.exiftool
def test_readers_are_told_what_it_is(lay: Lay) -> None:
    made = lay([], title="Zoë & Łukasz", subtitle="Picks", made_at="2026-11-21T23:30:00+02:00")
    command = ["exiftool", "-j", "-Title", "-Subject", "-CreateDate", "-Author", "-Creator", "-Language", made.path]
    [found] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    del found["SourceFile"]
    assert found == {
        "Title": "Zoë & Łukasz",
        "Subject": "Picks",
        "CreateDate": "2026:11:21 21:30:00Z",
        "Author": "",
        "Creator": "KILO",
        "Language": "en",
    }


def test_fonts_are_embedded_and_no_other_is_named(lay: Lay, tmp_path: Path) -> None:
    data = Path(lay([photo(tmp_path, "a.jpg")]).path).read_bytes()
    names = set(re.findall(rb"/BaseFont /(\S+)", data))
    assert names == {b"AAAAAA+DejaVuSans", b"AAAAAA+DejaVuSans-Bold"}
    assert data.count(b"/FontFile2") == 2


# --- the photos in it ------------------------------------------------------------------------------------------------


def test_a_small_jpeg_keeps_its_coded_pixels_and_loses_its_metadata(lay: Lay, tmp_path: Path) -> None:
    original = pictures.jpeg(pictures.noise(300, 200))
    data = Path(lay([photo(tmp_path, "a.jpg", original)]).path).read_bytes()
    coded = jpeg.stripped(original)
    assert coded is not None
    assert coded in data
    assert b"Secret" not in data


@pytest.mark.parametrize(
    "original",
    [
        pictures.jpeg(pictures.noise(2400, 1600)),
        pictures.jpeg(pictures.noise(300, 200), orientation=6),
        pictures.adobe_rgb_jpeg(pictures.noise(300, 200)),
        pictures.cmyk_jpeg(),
        pictures.heic(),
        pictures.translucent_png(),
    ],
)
def test_anything_else_becomes_a_small_srgb_jpeg(lay: Lay, tmp_path: Path, original: bytes) -> None:
    made = lay([photo(tmp_path, "a", original)])
    data = Path(made.path).read_bytes()
    assert original[200:400] not in data
    assert b"Secret" not in data
    [(start, size)] = [
        (match.end(), int(match[1]))
        for match in re.finditer(rb"/Filter /DCTDecode /Height \d+ /Length (\d+)[^>]*>>\s*stream\n", data)
    ]
    frame = jpeg.frame(data[start : start + size])
    assert frame is not None
    wanted = sheet_layout.grid(Paper.A4, Orientation.PORTRAIT, 4, 5, reasons=False).picture_px
    assert max(frame.width, frame.height) <= wanted


@pytest.mark.exiftool
def test_photos_stand_where_the_grid_says(lay: Lay, tmp_path: Path) -> None:
    grid = sheet_layout.grid(Paper.A4, Orientation.PORTRAIT, 3, 4, reasons=False)
    made = lay([photo(tmp_path, f"{n}.jpg") for n in range(12)], columns=3, rows=4)
    page = drawn(made).astype(int)
    assert page.shape[:2] == (842, 596)
    for place in range(12):
        box = grid.picture(grid.cell(place), 300, 200)
        quarters = {
            (0.25, 0.75): (200, 40, 40),
            (0.75, 0.75): (40, 160, 60),
            (0.75, 0.25): (240, 240, 240),
            (0.25, 0.25): (40, 60, 180),
        }
        for (across, up), color in quarters.items():
            x, y = box.left + across * box.width, grid.page.height - (box.bottom + up * box.height)
            assert np.abs(page[int(y), int(x)] - color).max() <= 8


@pytest.mark.exiftool
def test_what_has_no_picture_leaves_an_empty_frame(lay: Lay, tmp_path: Path) -> None:
    photos = [
        {"path": None, "name": "no preview.jpg", "width": 4000, "height": 3000},
        {"path": str(tmp_path / "gone"), "name": "gone.jpg"},
        photo(tmp_path, "broken.jpg", b"no photo"),
        photo(tmp_path, "good.jpg"),
    ]
    made = lay(photos)
    assert made.notes == [f"no picture of {name}" for name in ("no preview.jpg", "gone.jpg", "broken.jpg")]
    said = text_of(made)
    assert all(one["name"] in said for one in photos)
    assert Path(made.path).read_bytes().count(b"/DCTDecode") == 1


# --- the words on it -------------------------------------------------------------------------------------------------


@pytest.mark.exiftool
def test_the_text_is_there_to_be_searched_and_copied(lay: Lay, tmp_path: Path) -> None:
    made = lay(
        [
            photo(
                tmp_path,
                "Hääyö Ωραία Ночь.jpg",
                number=17,
                rating=4,
                label="Red",
                picked=True,
                chips=["Sharpest frame", "Eyes most open", "Brightest", "Fourth"],
                captured="2026-06-20T09:00:07",
            ),
            photo(tmp_path, "b.jpg", rating=-1, label="Best man’s choice", captured="one morning"),
        ],
        title="Zoë & Łukasz",
        subtitle="By Studio Δ",
        columns=2,
        rows=2,
        gallery_url="https://photos.example/g/zoe-lukasz-x7f3",
        made_at="2026-11-21T22:00:00+00:00",
    )
    said = text_of(made)
    for words in (
        *("Zoë & Łukasz", "By Studio Δ", "Hääyö Ωραία Ночь.jpg", "17", "★★★★", "✔", "✕", "Red", "Best man’s choice"),
        *("Sharpest frame · Eyes most open", "Brightest", "2026-06-20 09:00", "one morning", "View the gallery"),
        *("photos.example/g/zoe-lukasz-x7f3", "2 photos", "21 November 2026", "Page 1 of 1"),
    ):
        assert words in said, words
    assert "★★★★★" not in said
    assert "Fourth" not in said
    assert b"https://photos.example/g/zoe-lukasz-x7f3" in Path(made.path).read_bytes()


@pytest.mark.exiftool
def test_what_is_shortened_or_has_no_glyph_can_still_be_found(lay: Lay, tmp_path: Path) -> None:
    long = f"{'A long name of a file ' * 6}the end.jpg"
    made = lay([photo(tmp_path, long), photo(tmp_path, "北京の写真.jpg")], columns=4)
    said = text_of(made).replace("\n", " ")
    assert long in said
    assert "北京の写真.jpg" in said


@pytest.mark.exiftool
def test_every_page_says_which_it_is(lay: Lay, tmp_path: Path) -> None:
    made = lay([photo(tmp_path, f"{n}.jpg") for n in range(5)], columns=2, rows=1)
    for page in (1, 2, 3):
        said = text_of(made, page)
        assert f"Page {page} of 3" in said
        assert "Wedding" in said


@pytest.mark.exiftool
def test_a_sheet_of_nothing_is_a_page(lay: Lay) -> None:
    made = lay([])
    assert (made.pages, made.notes) == (1, [])
    assert "0 photos" in text_of(made)


@pytest.mark.exiftool
def test_the_code_leads_to_the_gallery(lay: Lay) -> None:
    """Drawn at 72 dpi and read back module by module, it is the code that segno makes of the address."""
    import segno

    url = "https://photos.example/g/zoe-lukasz-x7f3"
    made = lay([], gallery_url=url)
    subprocess.run(["pdftoppm", "-r", "720", "-png", "-singlefile", made.path, made.path], check=True)
    page = np.asarray(pyvips.Image.new_from_file(f"{made.path}.png").colourspace("b-w").numpy()).reshape(8419, -1)
    rows = [list(row) for row in segno.make(url, error="m", micro=False).matrix]
    unit = 460 / len(rows)
    left, top = 5952.76 - MARGIN * 10 - 460, MARGIN * 10
    found = [
        [int(page[int(top + (y + 0.5) * unit), int(left + (x + 0.5) * unit)] < 128) for x in range(len(rows))]
        for y in range(len(rows))
    ]
    assert found == rows


# --- the layout ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("paper", list(Paper))
@pytest.mark.parametrize("orientation", list(Orientation))
@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (4, 5), (6, 3), (12, 16), (20, 20)])
def test_cells_fill_the_page_and_never_touch(paper: Paper, orientation: Orientation, columns: int, rows: int) -> None:
    grid = sheet_layout.grid(paper, orientation, columns, rows, reasons=True)
    cells = [grid.cell(place) for place in range(grid.a_page)]
    assert (grid.page.width > grid.page.height) is (orientation is Orientation.LANDSCAPE)
    assert cells[0].left == pytest.approx(MARGIN)
    assert cells[columns - 1].right == pytest.approx(grid.page.width - MARGIN)
    assert cells[-1].bottom >= MARGIN
    for place, cell in enumerate(cells):
        assert cell.width > 0
        if (place + 1) % columns:
            assert cell.right < cells[place + 1].left
        if place + columns < len(cells):
            assert cells[place + columns].top < cell.bottom
        for size in ((3000, 2000), (2000, 3000), (9000, 500)):
            box = grid.picture(cell, *size)
            assert box.left >= cell.left - 1e-6
            assert box.right <= cell.right + 1e-6
            assert box.top <= cell.top + 1e-6
            assert box.bottom >= cell.bottom
            assert box.width / box.height == pytest.approx(size[0] / size[1])


def test_text_is_shortened_to_its_room() -> None:
    name = "IMG_20260620_090007_final.jpg"
    assert fitted(name, BOLD, 7, 500) == name
    for room in (90, 60, 30, 12):
        end, middle = (fitted(name, BOLD, 7, room, middle=one) for one in (False, True))
        assert max(width_of(end, BOLD, 7), width_of(middle, BOLD, 7)) <= room
        assert end.endswith("…")
        assert "…" in middle
    assert fitted(name, BOLD, 7, 60, middle=True).endswith(".jpg")
    assert fitted(name, BOLD, 7, 1) == ""
    assert shown("a\tb\n 北", REGULAR) == "a b □"


@pytest.mark.parametrize("plan", [{"columns": 0}, {"rows": 21}, {"paper": "a3"}, {"photos": [{"path": "a"}]}])
def test_what_is_no_plan_is_our_own_mistake(out: Path, plan: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are msgspec's
        sheet.render(str(out), {"title": "A", "photos": [], **plan})
    assert list(out.iterdir()) == []


def test_memory_does_not_grow_with_the_photos(tmp_path: Path) -> None:
    """1,500 photos of 60 kB, 90 MB in all, against 100: less than a third of what is added stays."""
    one = photo(tmp_path, "a.jpg", pictures.jpeg(pictures.noise(240, 160)))
    code = (
        "import sys; from pathlib import Path; from ml.exporting import sheet;"
        f"one = {one!r}; many = int(sys.argv[1]);"
        f"made = sheet.render({str(tmp_path)!r}, {{'title': 'A', 'photos': [one] * many, 'rows': 5, 'columns': 4}});"
        "peak = next(x for x in Path('/proc/self/status').read_text().splitlines() if x.startswith('VmHWM:'));"
        "print(made.byte_size, int(peak.split()[1]) * 1024)"
    )
    (small, little), (large, much) = (
        (int(part) for part in subprocess.check_output([sys.executable, "-c", code, str(many)]).split())
        for many in (100, 1500)
    )
    assert large - small > 60_000_000
    assert much - little < (large - small) / 3


def test_a_plan_says_whether_there_are_reasons() -> None:
    plain = sheet.SheetPlan("A", [sheet.SheetPhoto("a")])
    assert plain.grid.caption < replace(plain, photos=[sheet.SheetPhoto("a", chips=["Sharp"])]).grid.caption
