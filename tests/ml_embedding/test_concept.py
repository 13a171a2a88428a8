from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageColor

from ml import planes
from ml.embedding import concept, palette
from ml.embedding.concept import ConceptSpace
from ml.embedding.dimensions import DIM, DIMENSIONS, MEANS, NAMES, PLACES, Source, vector
from ml.embedding.facts import Facts
from ml.embedding.space import EmbeddingSpace
from tests.ml_embedding.drawn import CASES, GREY, MEADOW, Shown, flat, known, measured, of, signals
from tests.support import pictures

_PROGRAM = """
import sys
import numpy as np
from ml.embedding.concept import ConceptSpace
y, x = np.mgrid[:700, :1100]
one = np.stack(((x * y // 97) % 256, (x + 2 * y) % 256, (x * x // 61 + y) % 256), axis=-1).astype(np.uint8)
space = ConceptSpace()
together = space.encode_images([one[:300], one, one[:, 200:]])
assert together[1].tobytes() == space.encode_images([one])[0].tobytes()
sys.stdout.write(together.tobytes().hex() + repr({"pyvips", "PIL", "torch", "scipy", "usearch"} & set(sys.modules)))
"""

#: CSS colours that the eleven names are meant to cover.
CSS = {
    "red": "red crimson maroon darkred firebrick indianred",
    "orange": "orange darkorange orangered",
    "yellow": "gold yellow khaki",
    "green": "lime green darkgreen forestgreen seagreen olivedrab limegreen springgreen",
    "blue": "teal blue navy royalblue steelblue skyblue deepskyblue lightblue dodgerblue midnightblue powderblue",
    "purple": "purple indigo violet darkviolet rebeccapurple orchid darkorchid mediumpurple",
    "pink": "pink hotpink deeppink lightpink palevioletred",
    "brown": "brown saddlebrown sienna",
    "white": "white snow ivory whitesmoke ghostwhite",
    "black": "black #101010 #0a0a12",
    "grey": "dimgray gray silver darkgray slategray #555555",
}

STORED = [
    -0.196, -0.062, -0.344, -0.034, -0.091, -0.166, 0.861, 0.633, -0.016, -0.028, -0.105, -0.33, 0.467, -0.149, -0.157,
    0.106, 0.051, -0.088, -0.179, 0.876, -0.04, 0.295, -0.049, -0.062, 0.812, -0.323, -0.101, -0.103, -0.037, -0.071,
    -0.01, 0.805, -0.074, 0.853, -0.138, -0.014, -0.086, -0.432, -0.232, 0.862, -0.162, -0.3, 0.35, -0.03, -0.019,
    -0.119, -0.034, 0.124, 0.723, 0.302, -0.087, 0.688, -0.066, 0.784, -0.096, -0.017, 0.967, 0.832, 0.659, -0.25,
    -0.022, 0.456, -0.217, 0.339,
]  # fmt: skip


def _level(shown: Shown, name: str) -> float:
    found = concept.describe(shown.picture, shown.signals, shown.facts)
    return float(found[PLACES[name]] + MEANS[PLACES[name]])


def test_the_table_has_64_dimensions_and_each_has_a_case() -> None:
    assert DIM == len(set(NAMES)) == 64
    assert set(CASES) == set(NAMES)
    assert all(0 < dimension.mean < 1 and dimension.width for dimension in DIMENSIONS)
    assert all(dimension.meaning and dimension.unit for dimension in DIMENSIONS)


@pytest.mark.parametrize("name", NAMES)
def test_a_detector_tells_what_shows_it_from_what_does_not(name: str) -> None:
    shows, does_not = (_level(make(), name) for make in CASES[name])
    assert shows > 0.75
    assert does_not < 0.25


@pytest.mark.parametrize(("name", "css"), [(name, one) for name, colours in CSS.items() for one in colours.split()])
def test_colours_have_the_names_that_people_give_them(name: str, css: str) -> None:
    rgb = np.array(ImageColor.getrgb(css), np.float32).reshape(3, 1)
    lightness, a, b = planes.lab(planes.linear(rgb))
    found = palette.named(lightness, np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360)
    assert palette.COLOURS[int(found[0])] == name


def test_what_is_not_known_is_exactly_0() -> None:
    found = concept.describe(MEADOW)
    needs_more = {place.name for place in DIMENSIONS if place.source in (Source.SIGNALS, Source.FACTS)}
    assert {name for name in NAMES if found[PLACES[name]] == 0} == needs_more
    assert len(needs_more) == 16


def test_a_signal_that_cannot_tell_is_0() -> None:
    shown = measured(sharpness=math.nan, motion=math.nan, noise=math.nan)
    found = concept.describe(shown.picture, shown.signals)
    assert [found[PLACES[name]] for name in ("sharp", "soft", "motion_blur", "noisy")] == [0, 0, 0, 0]
    assert found[PLACES["back_light"]] != 0


def test_facts_speak_only_for_themselves() -> None:
    plain, with_flash = known(), known(flash=True, focal_length_35mm=24.0)
    one, two = (concept.describe(shown.picture, facts=shown.facts) for shown in (plain, with_flash))
    assert {NAMES[place] for place in np.flatnonzero(one != two)} == {
        "flash", "wide_angle", "telephoto", "indoor", "outdoor"
    }  # fmt: skip


def test_the_hour_speaks_where_the_place_is_unknown() -> None:
    light = flat((220, 160, 100))
    levels = [_level(of(light, local_hour=hour), "golden_hour") for hour in (12.0, 19.0)]
    assert levels[0] < 0.1
    assert levels[1] > 0.9


def test_a_level_is_half_at_half_and_centred_by_the_mean() -> None:
    found = vector({dimension.name: dimension.half for dimension in DIMENSIONS})
    assert found == pytest.approx(0.5 - MEANS, abs=1e-7)
    above = vector({dimension.name: dimension.half + dimension.width for dimension in DIMENSIONS})
    assert above == pytest.approx(1 / (1 + math.exp(-1)) - MEANS, abs=1e-7)


def test_no_dimension_of_another_name() -> None:
    with pytest.raises(KeyError, match="colour_of_love"):
        vector({"colour_of_love": 1.0})


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (3, 2000), (2000, 3), (7, 5), (513, 512)])
@pytest.mark.parametrize("value", [0, 99, 255, None])
def test_any_picture_is_described(shape: tuple[int, int], value: int | None) -> None:
    height, width = shape
    picture = pictures.noise(width, height) if value is None else np.full((*shape, 3), value, np.uint8)
    before = picture.copy()
    picture.flags.writeable = False
    found = concept.describe(picture)
    assert (found.shape, found.dtype) == ((64,), np.float32)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 1
    assert np.array_equal(picture, before)


def test_a_preview_and_its_half_are_described_alike() -> None:
    """2048 px and 1024 px are both reduced to 512 px by whole boxes."""
    half = pictures.noise(1024, 680)
    double = half.repeat(2, axis=0).repeat(2, axis=1)
    assert concept.describe(double) == pytest.approx(concept.describe(half), abs=1e-6)


def test_what_a_stored_vector_means_does_not_change() -> None:
    """Red here means that vectors in databases are of another space: give that one another name."""
    told = signals(0.3, sharpness=0.8, motion=0.2, noise=0.01, back_light=-1.0)
    facts = Facts(24.0, 2.0, 1.5, 800, True, 19.0, 4.0, False, 2, 3)
    assert concept.describe(MEADOW, told, facts) == pytest.approx(STORED, abs=2e-3)


def test_the_card_shows_the_table() -> None:
    card = (Path(__file__).parents[2] / "ml" / "cards" / "concept-v1.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in card.splitlines() if line.startswith("| ")][1 : DIM + 1]
    assert rows == [
        [each.name, each.meaning, each.source, each.unit, f"{each.half:g}", f"{each.width:g}", f"{each.mean:.3f}"]
        for each in DIMENSIONS
    ]


def test_the_space_is_one() -> None:
    space: EmbeddingSpace = ConceptSpace()
    assert (space.name, space.dim, space.metric) == ("concept-v1", 64, "ip")
    found = space.encode_images([MEADOW, flat(GREY)])
    assert np.array_equal(found, [concept.describe(MEADOW), concept.describe(flat(GREY))])
    assert space.encode_images([]).shape == (0, 64)


def test_the_same_bits_whatever_the_threads_and_nothing_heavy_is_imported() -> None:
    answers = []
    for threads in ("1", "2", "4"):
        env = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        done = subprocess.run([sys.executable, "-c", _PROGRAM], env=env, capture_output=True, text=True, check=True)
        answers.append(hashlib.sha256(done.stdout.encode()).hexdigest())
        assert done.stdout.endswith("set()")
    assert len(set(answers)) == 1
