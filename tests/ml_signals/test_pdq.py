"""Against pdqhash 0.2.8, which binds the publishers' own implementation."""

from __future__ import annotations

import numpy as np
import pytest

from ml import pdq, planes
from tests.ml_signals.drawn import Pixels


def _hashed(picture: Pixels) -> pdq.Pdq:
    return pdq.of(planes.luma_of(picture))


def _pattern(height: int, width: int) -> Pixels:
    y, x = np.mgrid[:height, :width]
    bands = (x * y // 37) % 256, (x * 3 + y * y // 11) % 256, (x * x // 29 + y * 5) % 256
    return np.stack(bands, axis=-1).astype(np.uint8)


def test_a_pattern_as_the_publishers_hash_it() -> None:
    hashed = _hashed(_pattern(200, 300))
    assert hashed.hash.hex() == "bec13e80ed9a382a657a6a75c4e5696dc2c9cdd14391cec3d1874f86d89cc790"
    assert hashed.quality == 100


@pytest.mark.parametrize(
    ("shape", "expected", "quality"),
    [
        ((64, 64), "eac554bef561414eaab128a2d76d7552aa97eaac100b7d56d554aaabeaaae108", 100),
        ((67, 130), "8d9f3a60719fef619c8410bb73cc66134ceccdc2d9979b389362974cb248b2c9", 100),
        ((4, 300), "0" * 64, 0),
    ],
)
def test_other_sizes(shape: tuple[int, int], expected: str, quality: int) -> None:
    hashed = _hashed(_pattern(*shape))
    assert (hashed.hash.hex(), hashed.quality) == (expected, quality)


def test_a_flat_picture_has_nothing_to_hash() -> None:
    assert _hashed(np.full((80, 120, 3), 90, np.uint8)).quality == 0


def test_half_of_the_bits_are_set() -> None:
    assert int.from_bytes(_hashed(_pattern(300, 200)).hash, "big").bit_count() == 128
