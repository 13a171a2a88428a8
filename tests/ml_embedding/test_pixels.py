from __future__ import annotations

import numpy as np
import pytest

from ml.embedding.pixels import prepared
from tests.support import pictures

MEAN, DEVIATION = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


@pytest.mark.parametrize(("width", "height"), [(224, 224), (640, 480), (480, 640), (2048, 1365), (60, 90), (225, 224)])
def test_the_middle_is_shown_at_the_models_size(width: int, height: int) -> None:
    found = prepared(pictures.noise(width, height), 224)
    assert (found.shape, found.dtype) == ((3, 224, 224), np.float32)
    assert found.flags.c_contiguous


def test_values_are_normalised_by_channel() -> None:
    found = prepared(np.full((300, 500, 3), (255, 0, 51), np.uint8), 32)
    expected = [(value - mean) / spread for value, mean, spread in zip((1, 0, 0.2), MEAN, DEVIATION, strict=True)]
    assert found.min(axis=(1, 2)) == pytest.approx(expected, abs=1e-6)
    assert found.max(axis=(1, 2)) == pytest.approx(expected, abs=1e-6)


def test_what_has_the_size_is_cut_only() -> None:
    picture = pictures.noise(101, 64)
    found = prepared(picture, 64) * np.array(DEVIATION, np.float32)[:, None, None]
    shown = found + np.array(MEAN, np.float32)[:, None, None]
    assert np.array_equal(np.rint(shown * 255).astype(np.uint8), np.moveaxis(picture[:, 18:82], 2, 0))


def test_reducing_averages() -> None:
    """Pillow's bicubic filter widens when it reduces: stripes of one pixel become grey."""
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    assert float(prepared(stripes, 64)[0].std()) < 0.02
