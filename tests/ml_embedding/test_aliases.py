from __future__ import annotations

import numpy as np
import pytest

from ml.embedding import aliases
from ml.embedding.concept import ConceptSpace
from ml.embedding.dimensions import DIM, NAMES
from ml.embedding.space import TextQuery
from tests.ml_embedding.drawn import COLOURS, GREY, MEADOW, Pixels, bands, flat, lamps, page, patch, ramp, rough

SPACE = ConceptSpace()


def _weights(query: TextQuery | None) -> dict[str, float]:
    assert query is not None
    return {NAMES[place]: round(float(query.vector[place]), 4) for place in np.flatnonzero(query.vector)}


def test_there_are_hundreds_of_aliases_and_each_is_understood() -> None:
    table = aliases.table()
    assert len(table.weights) >= 700
    for words, concepts in table.weights.items():
        query = aliases.query(" ".join(words))
        assert query is not None
        assert (query.understood, query.ignored) == (words, ())
        assert _weights(query) == {name: pytest.approx(weight, abs=1e-4) for name, weight in concepts.items()}


def test_each_dimension_has_a_word_of_its_own() -> None:
    alone = {name for concepts in aliases.table().weights.values() if len(concepts) == 1 for name in concepts}
    assert alone == set(NAMES)


@pytest.mark.parametrize("text", ["", "   ", "?!", "hippopotamus", "the of a", "Zürich 2024", "not", "картина", "日本"])
def test_what_is_not_understood_abstains(text: str) -> None:
    assert SPACE.encode_text(text) is None


def test_it_says_which_words_it_understood() -> None:
    query = SPACE.encode_text("A red hippopotamus at the golden hour, please")
    assert query is not None
    assert query.understood == ("red", "golden", "hour")
    assert query.ignored == ("hippopotamus", "please")
    assert _weights(query) == {"red": 0.5, "golden_hour": 0.5}
    assert (query.vector.shape, query.vector.dtype) == ((DIM,), np.float32)


def test_the_longest_alias_wins() -> None:
    assert _weights(SPACE.encode_text("black and white")) == {"black_and_white": 1.0}
    assert _weights(SPACE.encode_text("black, white")) == {"black": 0.5, "white": 0.5}
    assert _weights(SPACE.encode_text("portrait orientation")) == {"portrait": 1.0}
    assert "one_face" in _weights(SPACE.encode_text("portrait"))


@pytest.mark.parametrize("text", ["B&W", "b&w!", "Black  AND  White", "black and white"])
def test_writing_makes_no_difference(text: str) -> None:
    assert _weights(SPACE.encode_text(text)) == {"black_and_white": 1.0}


def test_a_negation_turns_what_follows_it_and_no_more() -> None:
    assert _weights(SPACE.encode_text("sunset without snow")) == {"sunset_sky": 0.5, "snow": -0.5}
    assert _weights(SPACE.encode_text("not snow, sunset")) == {"sunset_sky": 0.5, "snow": -0.5}
    assert _weights(SPACE.encode_text("without any snow")) == {"snow": -1.0}
    assert _weights(SPACE.encode_text("isn’t vivid")) == {"vivid": -1.0}
    assert _weights(SPACE.encode_text("no people")) == {"no_faces": 1.0}
    assert _weights(SPACE.encode_text("not hippopotamus snow")) == {"snow": 1.0}


def test_contradictions_abstain() -> None:
    assert SPACE.encode_text("snow, no snow") is None


def test_sizes_add_up_to_1() -> None:
    for text in ("red", "beach", "red blue green", "beach at night without people", "autumn portrait"):
        query = SPACE.encode_text(text)
        assert query is not None
        assert float(np.abs(query.vector).sum()) == pytest.approx(1, abs=1e-6)


def test_a_language_without_a_table() -> None:
    with pytest.raises(FileNotFoundError):
        aliases.table("xx")


PICTURES: dict[str, Pixels] = {
    "meadow": MEADOW,
    "sea": bands((100, 160, 220), (30, 80, 120)),
    "monochrome": rough(flat(GREY), 30),
    "sepia": ramp(40, 220, (1.0, 0.87, 0.68)),
    "lamps": lamps(),
    "page": np.concatenate([MEADOW[:60], page()]),
    "red": patch(GREY, COLOURS["red"], 0.4),
    "glow": bands((240, 150, 70), (20, 20, 30)),
    "pale": ramp(190, 255),
    "wide": np.concatenate([lamps(), lamps()], axis=1),
}


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("red", "red"),
        ("green grass", "meadow"),
        ("sea", "sea"),
        ("black and white", "monochrome"),
        ("sepia", "sepia"),
        ("night, city lights, level format, not a panorama", "lamps"),
        ("a page with writing", "page"),
        ("sunset", "glow"),
        ("panorama", "wide"),
        ("blue sky and trees", "meadow"),
    ],
)
def test_the_picture_that_shows_it_comes_first(text: str, first: str) -> None:
    query = SPACE.encode_text(text)
    assert query is not None
    scores = SPACE.encode_images(list(PICTURES.values())) @ query.vector
    assert list(PICTURES)[int(scores.argmax())] == first


def test_a_second_concept_takes_nothing_from_the_first() -> None:
    """The inner product, not the cosine: what else a photo shows does not count against it."""
    query = SPACE.encode_text("red")
    assert query is not None
    plain, busy = patch(GREY, COLOURS["red"], 0.4), patch(GREY, COLOURS["red"], 0.4)
    busy[:40] = COLOURS["blue"]
    busy[-40:] = COLOURS["yellow"]
    one, two = SPACE.encode_images([plain, busy]) @ query.vector
    assert one == two
