"""Against the reference implementation (npm thumbhash 0.1.1)."""

from __future__ import annotations

import numpy as np

from ml import thumbhash


def test_a_gradient_as_the_reference_encodes_it() -> None:
    picture = np.zeros((3, 4, 3), np.uint8)
    picture[..., 0] = np.arange(4) * 80
    picture[..., 1] = (np.arange(3) * 100)[:, None]
    picture[..., 2] = 30
    assert thumbhash.encode(picture).hex() == "552a0e45a07077787188788778888787707107e788"


def test_a_flat_colour_has_no_texture() -> None:
    encoded = thumbhash.encode(np.full((10, 20, 3), (255, 255, 255), np.uint8))
    assert set(encoded[5:]) == {0}
