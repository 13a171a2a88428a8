"""What culling costs of one core: signals of a photo, and a cluster ranked with its reasons.

Peers in the same run: for signals, the variance of the Laplacian and a difference hash by libvips, by which simple
culls go; for ranking, the softmax over the posterior's draws alone, in numpy. The least CPU time of several rounds
counts, since the machine has other work.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyvips

from bench.grouping import cpu
from bench.photos import draw
from kilo_gql.domain.ranking import Contest, Frame
from kilo_gql.models import ClusterKind
from kilo_gql.models.base import uuid7
from ml import decode, descriptors, measuring, records, sharpness, signals
from ml.planes import Bytes
from ml.ranking import confidence, features
from ml.ranking.prior import GLOBAL
from ml.signals import SIGNALS_VERSION
from tasks import ranking

PREVIEW: Final = (2048, 1365)
ROUNDS: Final = 5
_LAPLACE: Final = pyvips.Image.new_from_array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])


@dataclass(frozen=True, slots=True)
class Figure:
    """Milliseconds of CPU of one unit, and what a peer took for it; ``goal`` in the same."""

    what: str
    ms: float
    peer: str
    peer_ms: float
    goal: float | None


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of ``AssetSignals``, as far as ranking reads it."""

    signals: dict[str, float | None]
    tile_rows: int
    tile_columns: int
    tiles: bytes
    faces: list[dict[str, Any]] | None = None


def figures(clusters: int, photos: int) -> list[Figure]:
    """Over so many clusters and photos."""
    with tempfile.TemporaryDirectory() as scratch:
        paths = [Path(scratch, f"{number}.jpg") for number in range(photos)]
        for path, photo in zip(paths, draw(photos, PREVIEW), strict=True):
            path.write_bytes(photo.jpeg)
        previews = [decode.rendition(path) for path in paths]
        whole = _least([lambda path=path: measuring.measure(str(path), _UNKNOWN) for path in paths])  # type: ignore[misc]
    measured = _least([lambda preview=preview: _signals(preview) for preview in previews])  # type: ignore[misc]
    simple = _least([lambda preview=preview: _simple(preview) for preview in previews])  # type: ignore[misc]
    ours, bare = _ranking(previews[0], clusters)
    vips = "libvips: Laplacian, hash"
    return [
        Figure("signals and descriptors of a preview", measured, vips, simple, 60.0),
        Figure("the same with decoding and concepts", whole, vips, simple, None),
        Figure("rank a cluster, with reasons", ours, "numpy: softmax of draws", bare, 2.0),
    ]


_UNKNOWN: Final = dict.fromkeys(
    ("aperture", "exposure_time_s", "iso", "flash_fired", "lens_model", "gps_latitude", "gps_longitude",
     "focal_length_35mm", "captured_local", "offset_minutes"),
)  # fmt: skip


def _least(works: Sequence[Callable[[], object]]) -> float:
    """Milliseconds of each at its quickest, on average."""
    rounds = [[cpu(work) * 1000 for work in works] for _ in range(ROUNDS)]
    return float(np.mean(np.min(rounds, axis=0)))


def _signals(preview: Bytes) -> None:
    signals.measure(preview, None, sharpness.measure(preview))
    descriptors.describe(preview).pack()


def _simple(preview: Bytes) -> None:
    image = pyvips.Image.new_from_array(preview).colourspace("b-w")
    image.conv(_LAPLACE, precision="integer").deviate()
    small = image.thumbnail_image(9, height=8, size="force").numpy()
    np.packbits(small[:, 1:] > small[:, :-1])


def _ranking(preview: Bytes, clusters: int) -> tuple[float, float]:
    """Of a cluster of two to eight frames that differ a little: ours, and the bare softmax."""
    random = np.random.default_rng(20261121)
    found = signals.measure(preview)
    blank = {name: value for name, value in records.numbers(found).items() if value is not None}
    contests, measured = [], {}
    for _ in range(clusters):
        ids = [uuid7() for _ in range(random.integers(2, 9))]
        contests.append(
            Contest(uuid7(), ClusterKind.MOMENT, tuple(Frame(id_, SIGNALS_VERSION, None) for id_ in ids), {})
        )
        for id_ in ids:
            numbers: dict[str, float | None] = {n: v * random.lognormal(0, 0.2) for n, v in blank.items()}
            measured[id_] = _Row(numbers, found.tiles.rows, found.tiles.columns, records.tiles(found))
    rankers = [ranking.everyones()]
    values = [
        features.frames(ranking.values([ranking.signals_of(measured[f.asset_id]) for f in c.frames], burst=False)).x
        for c in contests
    ]
    weights = confidence.draws(GLOBAL)
    ours = min(
        cpu(lambda: [ranking.suggested(contest, rankers, measured) for contest in contests]) for _ in range(ROUNDS)
    )
    bare = min(cpu(lambda: [confidence.probabilities(x, weights) for x in values]) for _ in range(ROUNDS))
    return ours * 1000 / clusters, bare * 1000 / clusters
