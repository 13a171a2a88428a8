"""Signals as a database keeps them, and back."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np

from ml import records, signals
from ml.faces.face import CANNOT_TELL, Box, Eyes, Face, Landmarks, Point
from ml.signals import Signals
from tests.ml_signals.drawn import pixels, scene

POINTS = Landmarks(*(Point(place / 10, place / 20) for place in range(5)))
SMALL = Face(Box(0.1, 0.2, 0.05, 0.05), 0.8, POINTS, math.nan, CANNOT_TELL, prominent=False)
LARGE = Face(Box(0.5, 0.2, 0.2, 0.3), 0.75, POINTS, 0.9, Eyes(0.0, None), prominent=True)


def again(found: Signals) -> Signals:
    """Through what a database does to it."""
    numbers, faces = json.loads(json.dumps([records.numbers(found), records.faces(found)], allow_nan=False))
    return records.signals_of(numbers, found.tiles.rows, found.tiles.columns, records.tiles(found), faces)


def same(one: Signals, other: Signals) -> bool:
    """Also where both are nan."""
    return all(repr(getattr(one, field.name)) == repr(getattr(other, field.name)) for field in dataclasses.fields(one))


def test_what_is_kept_is_what_was_found() -> None:
    found = signals.measure(pixels(scene(5)))
    assert same(again(found), found)
    assert records.faces(found) is None


def test_what_nobody_can_tell_is_null_and_comes_back_as_nan() -> None:
    found = signals.measure(np.full((64, 96, 3), 200, np.uint8))
    assert math.isnan(found.sharpness)
    assert records.numbers(found)["sharpness"] is None
    assert same(again(found), found)


def test_faces_are_kept_the_largest_first() -> None:
    found = dataclasses.replace(signals.measure(pixels(scene(5))), faces=(SMALL, LARGE))
    assert again(found).faces is not None
    assert repr(again(found).faces) == repr((LARGE, SMALL))
    assert records.faces(dataclasses.replace(found, faces=())) == []
    kept = records.faces(found)
    assert kept is not None
    assert (kept[0]["eyes_open"], kept[1]["eyes_open"], kept[1]["sharpness"]) == ((0.0, None), (None, None), None)


def test_a_number_that_an_older_version_did_not_have() -> None:
    found = records.signals_of({"sharpness": 0.5}, 1, 2, b"abcdef")
    assert (found.sharpness, found.faces) == (0.5, None)
    assert math.isnan(found.tilt)
    assert (found.tiles.sharpness, found.tiles.highlights, found.tiles.shadows) == (b"ab", b"cd", b"ef")
