"""What the ranker sees of a frame."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ml import signals
from ml.ranking import features
from ml.ranking.features import CLIP, DIMENSIONS, FEATURES, NAMES, SCALES, Kind
from tests.ml_ranking import drawn


def test_the_table_is_whole() -> None:
    assert len(set(NAMES)) == DIMENSIONS == 24
    assert all(feature.scale > 0 for feature in FEATURES)
    assert all(feature.sign in ((-1, 1) if feature.kind is Kind.TECHNIQUE else (0, 1)) for feature in FEATURES)


def test_a_value_counts_from_the_median_in_scales() -> None:
    x = features.frames(np.stack([drawn.row(noise=scales) for scales in (1.0, 2.0, 4.0, 9.0)])).x
    assert x[:, NAMES.index("noise")].tolist() == pytest.approx([-2.0, -1.0, 1.0, CLIP])


def test_the_unknown_is_nothing() -> None:
    rows = [drawn.row(tilt=1.0), drawn.row(), drawn.row(tilt=3.0), drawn.row(tilt=math.inf)]
    frames = features.frames(np.stack(rows))
    assert frames.x[:, NAMES.index("tilt")].tolist() == pytest.approx([-1.0, 0.0, 1.0, 0.0])
    assert frames.known[:, NAMES.index("tilt")].tolist() == [True, False, True, False]
    assert np.delete(frames.x, NAMES.index("tilt"), axis=1).any() == np.False_


def test_what_only_one_frame_shows_is_nothing() -> None:
    assert not features.frames(np.stack([drawn.row(eyes_open=2.0), drawn.row(), drawn.row()])).x.any()


def test_medians_are_those_of_the_known(random: np.random.Generator) -> None:
    for size in range(1, 12):
        values = drawn.values(random, size, unknown=0.3)
        expected = [np.median(known) if len(known := column[~np.isnan(column)]) else np.nan for column in values.T]
        np.testing.assert_array_equal(features.medians(values), expected)


def test_what_all_frames_share_is_nothing(random: np.random.Generator) -> None:
    values = drawn.values(random, 6)
    np.testing.assert_allclose(features.frames(values + 7 * SCALES).x, features.frames(values).x, atol=1e-12)


def test_columns_become_a_table() -> None:
    values = features.table({"noise": [0.1, math.nan], "sharpness": np.array([1.0, 2.0])})
    assert values.shape == (2, DIMENSIONS)
    assert values[:, NAMES.index("sharpness")].tolist() == [1.0, 2.0]
    assert np.isnan(values).sum() == 2 * DIMENSIONS - 3
    with pytest.raises(KeyError, match=r"No such feature: sharpnes\."):
        features.table({"sharpnes": [1.0]})


def test_a_frame_alone_has_no_place_in_a_burst() -> None:
    assert features.burst_positions(3).tolist() == [0.0, 0.5, 1.0]
    assert np.isnan(features.burst_positions(1)).tolist() == [True]


def test_signals_become_values() -> None:
    """Exposure within a stop of middle grey is no error, clipping counts in doublings, a burst runs from 0 to 1."""
    grey, dark, burnt = (signals.measure(np.full((64, 96, 3), level, np.uint8)) for level in (118, 40, 255))
    values = features.measured([grey, dark, burnt])
    assert values.shape == (3, DIMENSIONS)
    error = [max(each.exposure_error - 1, 0) for each in (grey, dark, burnt)]
    assert values[:, NAMES.index("exposure_error")].tolist() == error
    assert error[0] == 0 < error[1]
    assert values[:, NAMES.index("highlight_clip")].tolist() == pytest.approx([0.0, 0.0, math.log2(51)])
    assert values[:, NAMES.index("burst_position")].tolist() == [0.0, 0.5, 1.0]
    assert values[:, NAMES.index("brightness")].tolist() == [each.brightness for each in (grey, dark, burnt)]
    assert np.isnan(values[:, NAMES.index("face_sharpness") :]).all()
