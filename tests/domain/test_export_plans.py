"""What an export will be: exact rectangles, slides, names, sizes and warnings; and which settings there are."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from typing import Any

import pytest

from kilo_gql.domain.export_crops import (
    MIDDLE,
    SAFE_BOTTOM,
    SAFE_TOP,
    Box,
    Subject,
    crop_to,
    slides_of,
    story_crop,
    subject_of,
)
from kilo_gql.domain.export_names import Named, captured_of, checked_template, stem_by
from kilo_gql.domain.export_plans import RATIOS, ExportPlan, Fit, Photo, PlanWarning, plan
from kilo_gql.domain.export_settings import DEFAULTS, StillSettings, as_json, settings_of
from kilo_gql.errors import BadRequest
from kilo_gql.models import ExportPreset
from kilo_gql.models.base import uuid7

CAROUSEL, STORY, WEB = ExportPreset.INSTAGRAM_CAROUSEL, ExportPreset.STORY_9X16, ExportPreset.WEB


def face(x: float, y: float, width: float, height: float, *, prominent: bool = True) -> dict[str, Any]:
    return {"box": [x, y, width, height], "prominent": prominent}


def photo(width: int = 6000, height: int = 4000, name: str = "IMG_1.CR3", **said: Any) -> Photo:
    known = {"captured_local": None, "camera": None, "rating": 0, "label": None, "subject": MIDDLE, **said}
    return Photo(uuid7(), name, width, height, **known)


def planned(preset: ExportPreset, *photos: Photo, **settings: Any) -> ExportPlan:
    return plan(settings_of(preset, settings), photos, "Wedding")


def rounded(box: Box) -> tuple[float, ...]:
    return tuple(round(value, 6) for value in (box.x, box.y, box.width, box.height))


# --- subjects ------------------------------------------------------------------------------------------------------


def test_prominent_faces_are_the_subject_with_room_around_them() -> None:
    found = subject_of([face(0.4, 0.3, 0.1, 0.2), face(0.9, 0.9, 0.1, 0.1, prominent=False)], 1, 1, b"\0")
    assert (rounded(found.box), found.sure) == ((0.365, 0.21, 0.17, 0.44), True)
    found = subject_of([face(0.0, 0.0, 0.2, 0.2), face(0.7, 0.7, 0.3, 0.3)], 1, 1, b"\0")
    assert rounded(found.box) == (0.0, 0.0, 1.0, 1.0)  # never beyond the frame


def test_without_faces_it_is_where_the_picture_is_sharp() -> None:
    tiles = bytearray(5 * 5)
    tiles[1 * 5 + 3] = 200  # one sharp tile: its middle is (0.7, 0.3), its half size 0.1
    found = subject_of(None, 5, 5, bytes(tiles))
    assert (rounded(found.box), found.sure) == ((0.6, 0.2, 0.2, 0.2), False)
    assert subject_of([], 5, 5, bytes(25)) == MIDDLE
    even = subject_of([face(0, 0, 1, 1, prominent=False)], 9, 9, bytes([80] * 81))
    assert even.box.middle == pytest.approx((0.5, 0.5))


# --- crops ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("aspect", "ratio", "middle", "expected"),
    [
        (1.5, 1.0, (0.5, 0.5), (0.166667, 0.0, 0.666667, 1.0)),
        (1.5, 1.0, (0.1, 0.5), (0.0, 0.0, 0.666667, 1.0)),
        (1.5, 1.0, (0.95, 0.5), (0.333333, 0.0, 0.666667, 1.0)),
        (2 / 3, 1.0, (0.5, 0.2), (0.0, 0.0, 1.0, 0.666667)),
        (2 / 3, 4 / 5, (0.5, 0.45), (0.0, 0.033333, 1.0, 0.833333)),
        (0.8, 0.8, (0.1, 0.9), (0.0, 0.0, 1.0, 1.0)),
    ],
)
def test_a_crop_is_the_largest_and_follows_the_subject(
    aspect: float, ratio: float, middle: tuple[float, float], expected: tuple[float, ...]
) -> None:
    subject = Subject(Box(middle[0] - 0.05, middle[1] - 0.05, 0.1, 0.1), sure=True)
    assert rounded(crop_to(aspect, ratio, subject)) == expected


def test_a_panorama_becomes_slides_that_join() -> None:
    slides = slides_of(3.0, 1.0, MIDDLE)
    assert [rounded(slide) for slide in slides] == [
        (0.0, 0.0, 0.333333, 1.0),
        (0.333333, 0.0, 0.333333, 1.0),
        (0.666667, 0.0, 0.333333, 1.0),
    ]
    assert [rounded(slide) for slide in slides_of(2.0, 4 / 5, MIDDLE)] == [
        (0.0, 0.083333, 0.333333, 0.833333),
        (0.333333, 0.083333, 0.333333, 0.833333),
        (0.666667, 0.083333, 0.333333, 0.833333),
    ]
    assert len(slides_of(1.89, 1.0, MIDDLE)) == 1
    assert len(slides_of(1.9, 1.0, MIDDLE)) == 2
    assert len(slides_of(9.0, 1.0, MIDDLE)) == 3
    assert [len(slides_of(aspect, 3 / 4, MIDDLE)) for aspect in (3 / 2, 16 / 9)] == [1, 1]  # ordinary frames


def test_random_crops_lie_within_and_have_their_ratio() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    for _ in range(500):
        aspect, ratio = chance.uniform(0.2, 5), chance.choice([9 / 16, *RATIOS.values()])
        x, y = chance.random(), chance.random()
        subject = Subject(Box(x, y, (1 - x) * chance.random(), (1 - y) * chance.random()), sure=chance.random() < 0.5)
        slides = slides_of(aspect, ratio, subject)
        for box in (*slides, story_crop(aspect, subject)[0]):
            assert min(box.x, box.y) >= -1e-9
            assert max(box.right, box.bottom) <= 1 + 1e-9
        for box in slides:
            assert box.width * aspect / box.height == pytest.approx(ratio)
        for one, next_ in pairwise(slides):
            assert one.right == pytest.approx(next_.x)


# --- stories -------------------------------------------------------------------------------------------------------


def test_a_story_keeps_the_subject_between_what_the_application_covers() -> None:
    person = Subject(Box(0.3, 0.3, 0.2, 0.3), sure=True)
    crop, well = story_crop(1.5, person)
    assert (rounded(crop), well) == ((0.2125, 0.0, 0.375, 1.0), True)
    assert not story_crop(1.5, Subject(Box(0.3, 0.02, 0.2, 0.3), sure=True))[1]  # under the top cover
    assert not story_crop(1.5, Subject(Box(0.3, 0.6, 0.2, 0.35), sure=True))[1]  # under the bottom cover
    assert not story_crop(1.5, Subject(Box(0.1, 0.3, 0.8, 0.3), sure=True))[1]  # wider than the crop
    tall, well = story_crop(0.4, Subject(Box(0.4, 0.5, 0.2, 0.1), sure=True))
    middle = (0.55 - tall.y) / tall.height
    assert well
    assert middle == pytest.approx(SAFE_TOP + (1 - SAFE_TOP - SAFE_BOTTOM) / 2)


def test_a_story_is_cut_where_that_does_no_harm_and_padded_elsewhere() -> None:
    group = Subject(Box(0.05, 0.3, 0.9, 0.4), sure=True)
    cut, padded, guessed, upright = planned(
        STORY,
        photo(subject=Subject(Box(0.4, 0.3, 0.1, 0.2), sure=True)),
        photo(subject=group),
        photo(),
        photo(3000, 4000),
    ).photos
    assert (cut.fit, rounded(cut.files[0].crop), cut.warnings) == (Fit.CROP, (0.2625, 0.0, 0.375, 1.0), ())
    assert (padded.fit, rounded(padded.files[0].crop), padded.warnings) == (Fit.PAD_BLUR, (0, 0, 1, 1), ())
    assert (guessed.fit, upright.fit) == (Fit.PAD_BLUR, Fit.CROP)
    assert {(file.width_px, file.height_px) for one in (cut, padded) for file in one.files} == {(1080, 1920)}
    [forced] = planned(STORY, photo(subject=group), fit="crop").photos
    assert (forced.fit, forced.warnings) == (Fit.CROP, (PlanWarning.SUBJECT_CUT,))
    [blurred] = planned(STORY, photo(3000, 4000), fit="blur").photos
    assert blurred.fit is Fit.PAD_BLUR


# --- carousels -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "ratio"),
    [
        ([(4000, 5000)] * 3, "4:5"),
        ([(3000, 4000)] * 3, "3:4"),
        ([(4000, 6000)], "3:4"),
        ([(4000, 4000)] * 2, "1:1"),
        ([(6000, 4000)], "1.91:1"),
        ([(6000, 4000), (4000, 6000)], "1:1"),
        ([(12000, 4000), (3000, 4000)], "3:4"),
    ],
)
def test_all_slides_have_the_shape_that_the_photos_lose_least_to(sizes: list[tuple[int, int]], ratio: str) -> None:
    assert planned(CAROUSEL, *(photo(*size) for size in sizes)).ratio == ratio


def test_a_carousel_keeps_its_order_and_splits_panoramas() -> None:
    made = planned(CAROUSEL, photo(4000, 5000, "a.jpg"), photo(12000, 4000, "b.jpg"), photo(4000, 5000, "c.jpg"))
    assert (made.ratio, made.file_count) == ("4:5", 5)
    assert [file.name for one in made.photos for file in one.files] == [
        "01_a.jpg",
        "02_b_1.jpg",
        "02_b_2.jpg",
        "02_b_3.jpg",
        "03_c.jpg",
    ]
    assert {(file.width_px, file.height_px) for one in made.photos for file in one.files} == {(1080, 1350)}
    whole = planned(CAROUSEL, photo(12000, 4000), splitPanoramas=False, ratio="1:1")
    assert (whole.file_count, rounded(whole.photos[0].files[0].crop)) == (1, (0.333333, 0.0, 0.333333, 1.0))


def test_more_slides_than_there_may_be_are_refused_with_their_number() -> None:
    assert planned(CAROUSEL, *[photo(4000, 5000)] * 20).file_count == 20
    with pytest.raises(BadRequest) as refused:
        planned(CAROUSEL, *[photo(4000, 5000)] * 19, photo(12000, 4000))
    assert (refused.value.code, refused.value.details) == ("too_many_slides", {"slides": 22, "max": 20})


def test_warnings() -> None:
    small, cut, unknown = planned(
        CAROUSEL,
        photo(800, 1000),
        photo(6000, 4000, subject=Subject(Box(0, 0.2, 1, 0.5), sure=True)),
        photo(0, 0),
        ratio="4:5",
    ).photos
    assert small.warnings == (PlanWarning.UPSCALED,)
    assert cut.warnings == (PlanWarning.SUBJECT_CUT,)
    assert unknown.warnings == (PlanWarning.SIZE_UNKNOWN,)


# --- stills and sheets ---------------------------------------------------------------------------------------------


def test_sizes_are_never_enlarged() -> None:
    sizes = [
        (file.width_px, file.height_px)
        for one in planned(WEB, photo(6000, 4000), photo(4000, 6000), photo(1200, 800), photo(20000, 10)).photos
        for file in one.files
    ]
    assert sizes == [(2048, 1365), (1365, 2048), (1200, 800), (2048, 1)]
    [full] = planned(ExportPreset.FULL_RES, photo(6000, 4000)).photos
    assert (full.fit, full.files[0].width_px, full.files[0].height_px) == (Fit.WHOLE, 6000, 4000)


def test_estimates_grow_with_quality_and_end_at_the_limit() -> None:
    sizes = [planned(WEB, photo(), jpegQuality=quality).estimated_bytes for quality in (1, 50, 75, 92, 100)]
    assert sizes == [34_944, 174_720, 279_552, 628_992, 1_677_312]
    assert planned(WEB, photo(), jpegQuality=100, maxFileKb=500).estimated_bytes == 500_000
    assert planned(WEB, photo(), format="webp", jpegQuality=75).estimated_bytes == 195_686


def test_a_contact_sheet_is_one_file() -> None:
    made = planned(ExportPreset.CONTACT_SHEET_PDF, *[photo()] * 21)
    assert (made.file_count, [one.files for one in made.photos]) == (1, [()] * 21)
    assert made.estimated_bytes == 21 * 60_000 + 2 * 30_000


# --- names ---------------------------------------------------------------------------------------------------------

ABOUT = Named("DSC_1.tar.NEF", 7, captured_of("2026-06-20T18:05:09+02:00"), "Ann & Bob", 4, None, "NIKON Z 8")


@pytest.mark.parametrize(
    ("template", "stem"),
    [
        ("{name}", "DSC_1.tar"),
        ("{seq}-{seq:03}", "7-007"),
        ("{date}_{time}", "2026-06-20_180509"),
        ("{date:%d.%m.%y} {time:%H-%M}", "20.06.26 18-05"),
        ("{project} {rating}{label} {camera}", "Ann & Bob 4 NIKON Z 8"),
    ],
)
def test_names_by_template(template: str, stem: str) -> None:
    assert stem_by(checked_template(template), ABOUT) == stem


@pytest.mark.parametrize(
    "template",
    ["", " ", "{", "{nme}", "{name", "{seq:x}", "{seq:99}", "{date:%s}", "{date:{}}", "a/b", "..\\{name}", "{name:3}",
     "x" * 121, "a\nb"],
)  # fmt: skip
def test_what_is_no_template(template: str) -> None:
    with pytest.raises(BadRequest) as refused:
        checked_template(template)
    assert refused.value.details["field"] == "settings.naming"


def test_names_are_safe_and_each_another_one() -> None:
    made = planned(WEB, photo(name="a.jpg"), photo(name="A.JPG"), photo(name="con.jpg"), photo(name="x:y?.jpg"))
    assert [file.name for one in made.photos for file in one.files] == [
        "a.jpg", "A (2).jpg", "_con.jpg", "x_y_.jpg"
    ]  # fmt: skip
    undated = planned(WEB, photo(), naming="{date}")
    assert undated.photos[0].files[0].name == "undated.jpg"
    slashed = planned(WEB, photo(label="a/../b"), naming="{label}")
    assert slashed.photos[0].files[0].name == "a-..-b.jpg"


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ExportPreset)
def test_settings_are_kept_with_every_default_and_read_back(preset: ExportPreset) -> None:
    kept = as_json(settings_of(preset, {}))
    assert settings_of(preset, kept) == DEFAULTS[preset]


def test_the_contracts_example() -> None:
    made = as_json(settings_of(WEB, {"jpegQuality": 92, "longEdgePx": 3840, "watermark": False}))
    assert made == {
        "jpegQuality": 92, "longEdgePx": 3840, "watermark": False, "colorSpace": "srgb", "sharpen": "screen",
        "maxFileKb": None, "metadata": "copyright", "naming": "{name}", "develop": False, "format": "jpeg",
        "bitDepth": 8,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("preset", "given", "field"),
    [
        (WEB, {"jpegQuality": 0}, "settings.jpegQuality"),
        (WEB, {"jpegQuality": "92"}, "settings.jpegQuality"),
        (WEB, {"longEdgePx": 63}, "settings.longEdgePx"),
        (WEB, {"format": "gif"}, "settings.format"),
        (WEB, {"quality": 92}, "settings.quality"),
        (WEB, {"columns": 3}, "settings.columns"),
        (WEB, {"watermark": {"colour": "red"}}, "settings.watermark.colour"),
        (WEB, {"watermark": {"kind": "image"}}, "settings.watermark.kind"),
        (WEB, {"watermark": {"text": "one\ntwo"}}, "settings.watermark.text"),
        (WEB, {"watermark": {"text": "half a \ud800"}}, "settings.watermark.text"),
        (WEB, {"watermark": {"opacity": math.nan}}, "settings.watermark.opacity"),
        (WEB, {"jpegQuality": True}, "settings.jpegQuality"),
        (WEB, {"bitDepth": 12}, "settings.bitDepth"),
        (CAROUSEL, {"longEdgePx": 100}, "settings.longEdgePx"),
        (CAROUSEL, {"ratio": "16:9"}, "settings.ratio"),
        (ExportPreset.CONTACT_SHEET_PDF, {"jpegQuality": 90}, "settings.jpegQuality"),
        (ExportPreset.CONTACT_SHEET_PDF, {"rows": 0}, "settings.rows"),
        (ExportPreset.CONTACT_SHEET_PDF, {"title": "a\nb"}, "settings.title"),
        (ExportPreset.CONTACT_SHEET_PDF, {"galleryId": "x"}, "settings.galleryId"),
        (WEB, [], "settings"),
    ],
)
def test_a_setting_that_cannot_be_is_named(preset: ExportPreset, given: Any, field: str) -> None:
    with pytest.raises(BadRequest) as refused:
        settings_of(preset, given)
    assert refused.value.details["field"] == field


def test_a_mark_is_the_plain_one_or_as_it_is_said() -> None:
    plain = settings_of(WEB, {"watermark": True})
    said = settings_of(WEB, {"watermark": {"position": "bottom_right", "size": 0.2}})
    assert isinstance(plain, StillSettings)
    assert isinstance(said, StillSettings)
    assert [mark and mark.text for mark in (plain.mark, said.mark)] == ["{project}", "{project}"]
    assert as_json(said)["watermark"]["position"] == "bottom_right"
    with pytest.raises(BadRequest) as refused:
        settings_of(WEB, {"watermark": {"size": 9}})
    assert (refused.value.code, refused.value.details) == ("bad_watermark", {"field": "settings.watermark.size"})
