"""How values read on a gallery's pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

from kilo_gql.domain.gallery_media import ShownPicture
from kilo_gql.gallery_pages import wording


def test_words_for_a_selection() -> None:
    class Chosen:
        def __init__(self, count: int, least: int | None, most: int | None) -> None:
            self.count, self.min_count, self.max_count = count, least, most

    said = {
        (12, None, None): ("12", ""),
        (12, 40, 60): ("12 of 40–60", "Choose 28 more before you send it."),
        (39, 40, 60): ("39 of 40–60", "Choose 1 more photo before you send it."),
        (40, 40, 40): ("40 of 40", ""),
        (3, 0, 2): ("3 of up to 2", "Take 1 out before you send it."),
        (3, 2, None): ("3 of at least 2", ""),
    }
    for given, (counter, missing) in said.items():
        assert (wording.counter(Chosen(*given)), wording.missing(Chosen(*given))) == (counter, missing)


def test_times() -> None:
    at = datetime(2026, 11, 21, 1, 5, tzinfo=timezone(timedelta(hours=2)))
    assert (wording.iso(at), wording.day(at)) == ("2026-11-20T23:05:00Z", "20 November 2026")
    assert wording.moment(at.astimezone(UTC)) == "20 November 2026, 23:05 UTC"


def test_pictures() -> None:
    def picture(width: int | None, height: int | None, color: int | None = None) -> ShownPicture:
        return ShownPicture(uuid4(), "", "", width, height, None, color)

    assert [wording.thumb_size(picture(*size)) for size in ((2048, 1365), (1365, 2048), (300, 200), (None, None))] == [
        (512, 341),
        (341, 512),
        (300, 200),
        (512, 341),
    ]
    assert [wording.tile_ratio(picture(*size)) for size in ((2048, 1365), (4000, 400), (400, 4000))] == [
        "1.5",
        "3",
        "0.3333",
    ]
    assert [wording.color(picture(1, 1, color)) for color in (None, 0, 0x0A1B2C)] == ["#000000", "#000000", "#0a1b2c"]


def test_counts() -> None:
    assert [wording.plural(count, "photo") for count in (0, 1, 1204)] == ["0 photos", "1 photo", "1,204 photos"]
