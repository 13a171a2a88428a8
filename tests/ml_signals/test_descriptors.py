from __future__ import annotations

import numpy as np
import pytest

from ml import descriptors, pdq, planes
from ml.descriptors import PACKED_BYTES, STRUCTURE_ZERO, Descriptors, describe, stack
from ml.planes import Bytes, Floats
from tests.ml_signals.drawn import jpeg, pixels, scaled, scene
from tests.support.pictures import noise


@pytest.fixture(scope="module")
def lakes() -> list[Bytes]:
    return [pixels(scene(seed, 600, 400)) for seed in range(4)]


def _cosine(one: Floats | Bytes, other: Floats | Bytes) -> float:
    a, b = (np.asarray(values, np.float64) for values in (one, other))
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def _alike(one: Descriptors, other: Descriptors) -> float:
    return _cosine(*(found.structure.astype(np.float64) - STRUCTURE_ZERO for found in (one, other)))


def _bits_apart(one: Descriptors, other: Descriptors) -> int:
    return (int.from_bytes(one.pdq, "big") ^ int.from_bytes(other.pdq, "big")).bit_count()


def _same(one: Descriptors, other: Descriptors) -> bool:
    names = ("layout", "histogram", "hog", "structure")
    return one.pdq == other.pdq and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def test_shapes_and_lengths(lakes: list[Bytes]) -> None:
    found = describe(lakes[0])
    assert [len(found.pdq), found.layout.shape, found.histogram.shape, found.hog.shape, found.structure.shape] == [
        32,
        (108,),
        (100,),
        (576,),
        (9216,),
    ]
    assert {found.layout.dtype, found.histogram.dtype, found.hog.dtype} == {np.dtype(np.float32)}
    assert float(found.hog @ found.hog) == pytest.approx(1, abs=1e-3)
    assert float(found.histogram @ found.histogram) == pytest.approx(1, abs=1e-3)


def test_packing_loses_nothing(lakes: list[Bytes]) -> None:
    found = describe(lakes[0])
    assert len(found.pack()) == PACKED_BYTES == 10_816
    assert _same(Descriptors.unpack(found.pack()), found)


def test_a_table_holds_each_photo_in_its_row(lakes: list[Bytes]) -> None:
    found = [describe(lake) for lake in lakes]
    table = stack([one.pack() for one in found])
    assert len(table) == 4
    assert [bytes(row) for row in table.pdq] == [one.pdq for one in found]
    assert np.array_equal(table.hog, np.stack([one.hog for one in found]))
    assert np.array_equal(table.layout, np.stack([one.layout for one in found]))
    assert np.array_equal(table.histogram, np.stack([one.histogram for one in found]))
    assert np.array_equal(table.structure([2, 0]), np.stack([found[2].structure, found[0].structure]))


def test_a_table_of_nothing() -> None:
    table = stack([])
    assert (len(table), table.pdq.shape, table.hog.shape, table.structure([]).shape) == (
        0,
        (0, 32),
        (0, 576),
        (0, 9216),
    )


def test_what_is_too_short_is_refused(lakes: list[Bytes]) -> None:
    with pytest.raises(ValueError, match="10816 bytes"):
        stack([describe(lakes[0]).pack(), b"short"])


def test_a_flat_colour_is_where_lab_has_it() -> None:
    """libvips says of sRGB (200, 40, 40) that it is L* 44.16, a* 60.88, b* 40.84 (D65)."""
    found = describe(np.full((90, 150, 3), (200, 40, 40), np.uint8))
    assert found.layout.reshape(36, 3) == pytest.approx(np.tile((44.16, 60.88, 40.84), (36, 1)), abs=0.1)
    assert not found.hog.any()
    assert set(found.structure.tolist()) == {STRUCTURE_ZERO}
    assert np.flatnonzero(found.histogram).tolist() == [98, 99]


def test_layout_goes_row_by_row() -> None:
    picture = np.zeros((60, 120, 3), np.uint8)
    picture[:10, 20:40] = 255
    lightness = describe(picture).layout.reshape(6, 6, 3)[..., 0]
    assert lightness[0, 1] == pytest.approx(100, abs=0.1)
    assert np.count_nonzero(lightness > 0.1) == 1


def test_edges_fall_into_the_angle_of_their_gradient() -> None:
    upright = np.zeros((96, 96, 3), np.uint8)
    upright[:, 50:] = 255
    hog = describe(upright).hog.reshape(8, 8, 9)
    assert set(np.argwhere(hog > 0)[:, 2].tolist()) == {0}
    assert set(np.argwhere(hog > 0)[:, 1].tolist()) == {4}
    level = describe(np.ascontiguousarray(upright.swapaxes(0, 1))).hog.reshape(8, 8, 9)
    assert set(np.argwhere(level > 0)[:, 2].tolist()) == {4, 5}


def test_a_copy_is_told_from_another_picture(lakes: list[Bytes]) -> None:
    original = describe(lakes[0])
    brighter = np.clip(lakes[0].astype(np.float64) * 1.1 + 8, 0, 255).astype(np.uint8)
    for copy in (jpeg(lakes[0], 60), scaled(lakes[0], 0.5), brighter):
        found = describe(copy)
        assert _bits_apart(original, found) <= pdq.SIMILAR_BITS
        assert _alike(original, found) > 0.99
    for other in lakes[1:]:
        assert _bits_apart(original, describe(other)) > 80
        assert _alike(original, describe(other)) < 0.5


def test_a_frame_of_the_same_scene_is_no_copy(lakes: list[Bytes]) -> None:
    shifted = describe(lakes[0][6:, 9:])
    original = describe(lakes[0])
    assert _alike(original, shifted) < 0.98
    assert _cosine(original.hog, shifted.hog) > max(_cosine(original.hog, describe(lake).hog) for lake in lakes[1:])


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (7, 3), (2048, 2), (513, 511)])
def test_any_size_has_a_descriptor(shape: tuple[int, int]) -> None:
    found = describe(noise(shape[1], shape[0]))
    assert np.isfinite(found.layout).all()
    assert np.isfinite(found.hog).all()
    assert float(found.histogram @ found.histogram) == pytest.approx(1, abs=1e-3)


def test_reduction_is_the_mean_of_boxes() -> None:
    picture = noise(601, 1030)
    small = planes.reduced(picture)
    assert small.shape == (3, 343, 200)
    boxes = picture[:1029, :600].reshape(343, 3, 200, 3, 3).mean(axis=(1, 3))
    assert np.allclose(small, np.moveaxis(boxes, 2, 0), rtol=0, atol=1e-3)


@pytest.mark.parametrize(("rows", "columns"), [(4, 5), (3, 3), (13, 40)])
def test_averages_keep_the_mean(rows: int, columns: int) -> None:
    plane = noise(15, 10)[..., 0].astype(np.float32)
    means = planes.averaged(plane, rows, columns)
    assert means.shape == (rows, columns)
    assert float(means.mean()) == pytest.approx(float(plane.mean()), abs=1e-4)
    if (rows, columns) == (13, 40):
        assert means[0, 0] == plane[0, 0]


def test_version() -> None:
    assert descriptors.DESCRIPTORS_VERSION == 1
