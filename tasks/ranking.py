"""From what was measured in the photos of a cluster to a suggestion as it is stored."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Final
from uuid import UUID

import numpy as np
import orjson

from kilo_gql.domain import chips
from kilo_gql.domain.joining import RAW_FORMATS
from kilo_gql.domain.ranking import Contest, Copy, Frame, Made
from kilo_gql.models import Band, ClusterKind
from kilo_gql.models import Ranker as RankerRow
from ml import records
from ml.ranking import features
from ml.ranking.chips import Chip, TileMaps
from ml.ranking.confidence import TEMPERATURE
from ml.ranking.features import FEATURES_VERSION, NAMES, Floats
from ml.ranking.logit import Posterior
from ml.ranking.prior import GLOBAL, PRIOR_VERSION
from ml.ranking.winner import Ranker, Ranking, rank
from ml.signals import SIGNALS_VERSION, Signals

#: Goes up when the same signals and the same ranker give another suggestion.
_VERSION: Final = 1
_BURST_POSITION: Final = NAMES.index("burst_position")


@dataclass(frozen=True, slots=True)
class InUse:
    """A ranker, ready: everyone's (``user_id`` None), or one photographer's. ``digest``: of what makes it this one."""

    user_id: UUID | None
    digest: bytes
    ranker: Ranker


@cache
def everyones() -> InUse:
    """The ranker of those who have none of their own."""
    made_of = (PRIOR_VERSION, FEATURES_VERSION, TEMPERATURE, GLOBAL.mean.tobytes(), GLOBAL.precision.tobytes())
    return InUse(None, _digest(*made_of), Ranker.of(GLOBAL))


def own(row: RankerRow) -> InUse | None:
    """A photographer's ranker as it is stored; None if it goes by features of another version."""
    if row.posterior is None or row.temperature is None or row.features_version != FEATURES_VERSION:
        return None
    posterior = Posterior(np.array(row.posterior["mean"]), np.array(row.posterior["precision"]))
    made_of = (FEATURES_VERSION, row.temperature, posterior.mean.tobytes(), posterior.precision.tobytes())
    return InUse(row.user_id, _digest(*made_of), Ranker.of(posterior, row.temperature))


def stored(posterior: Posterior) -> dict[str, Any]:
    """A photographer's weights as a row keeps them, beside everyone's."""
    return {
        "features": list(NAMES),
        "mean": posterior.mean.tolist(),
        "precision": posterior.precision.tolist(),
        "sd": posterior.sd().tolist(),
        "shared": GLOBAL.mean.tolist(),
    }


def basis(contest: Contest, in_use: InUse) -> bytes | None:
    """What a suggestion for this cluster would rest on; None if there is nothing to choose, or not yet: frames are
    compared once all are measured, by one version.
    """
    if len(contest.frames) < 2:
        return None
    if contest.kind is ClusterKind.DUPLICATE_GROUP:
        return None if in_use.user_id else _digest(contest.kind, contest.frames)
    if any(isinstance(frame, Frame) and frame.signals_version != SIGNALS_VERSION for frame in contest.frames):
        return None
    return _digest(contest.kind, contest.frames, in_use.digest)


def suggested(contest: Contest, rankers: Sequence[InUse], measured: Mapping[UUID, Any]) -> list[Made]:
    """What each ranker suggests for a cluster. ``measured``: rows of ``AssetSignals`` by asset, of all its frames."""
    if contest.kind is ClusterKind.DUPLICATE_GROUP:
        return [_first_of_copies(contest)] if rankers else []
    ids = [frame.asset_id for frame in contest.frames]
    signals = [signals_of(measured[id_]) for id_ in ids]
    frames = features.frames(values(signals, burst=contest.kind is ClusterKind.BURST))
    size, maps = tile_maps(signals)
    made = []
    for in_use in rankers:
        ranking = rank(frames, in_use.ranker, maps)
        columns = _columns(ids, ranking, [_size(signals[row]) == size for row in ranking.order[:2]], size)
        made.append(Made(contest.cluster_id, in_use.user_id, columns | {"basis": basis(contest, in_use)}))
    return made


def signals_of(row: Any) -> Signals:
    """The signals of a row of ``AssetSignals``."""
    return records.signals_of(row.signals, row.tile_rows, row.tile_columns, row.tiles, row.faces)


def values(signals: Sequence[Signals], *, burst: bool) -> Floats:
    """(n, d) features of frames in order of time; only in a burst is the place in it one."""
    found = features.measured(signals)
    if not burst:
        found[:, _BURST_POSITION] = math.nan
    return found


def tile_maps(signals: Sequence[Signals]) -> tuple[tuple[int, int], TileMaps]:
    """The maps of the frames, (n, tiles) by name, and their rows and columns: of the shape that most frames have. A
    frame of another shape has zeros there.
    """
    size, _ = Counter(map(_size, signals)).most_common(1)[0]
    blank = bytes(size[0] * size[1])
    maps = {
        name: np.frombuffer(
            b"".join(getattr(each.tiles, name) if _size(each) == size else blank for each in signals), np.uint8
        ).reshape(len(signals), -1)
        for name in ("sharpness", "highlights", "shadows")
    }
    return size, maps


def _size(signals: Signals) -> tuple[int, int]:
    return signals.tiles.rows, signals.tiles.columns


def _columns(ids: Sequence[UUID], ranking: Ranking, mapped: Sequence[bool], size: tuple[int, int]) -> dict[str, Any]:
    """``mapped``: whether the winner and the runner-up have a map of this size."""
    assert ranking.reasons is not None
    reasons = ranking.reasons
    order = list(ranking.order)
    told = reasons.chips
    return {
        "asset_ids": [ids[row] for row in order],
        "scores": ranking.scores[order].tolist(),
        "probabilities": ranking.probabilities[order].tolist(),
        "band": Band(ranking.band),
        "chips": [chip_row(chip, size if all(mapped) else None) for chip in told],
        "rest": float(reasons.over_others.sum()) - math.fsum(chip.contribution for chip in told),
        "rest_margin": float(reasons.over_runner_up.sum()) - math.fsum(chip.margin for chip in told),
    }


def chip_row(chip: Chip, size: tuple[int, int] | None) -> dict[str, Any]:
    """A chip as it is stored: its ``tile`` as a rectangle in parts of the upright frame, and itself in words.

    ``size``: rows and columns of the tile map; None if there is none for the frames that were compared.
    """
    row = asdict(chip) | {"tile": None if chip.tile is None or size is None else _rectangle(chip.tile, *size)}
    return row | {"reason": chips.words(row)}


def _rectangle(tile: int, rows: int, columns: int) -> dict[str, float]:
    row, column = divmod(tile, columns)
    place = {"row": row, "column": column, "x": column / columns, "y": row / rows}
    return place | {"w": 1 / columns, "h": 1 / rows}


def _first_of_copies(contest: Contest) -> Made:
    """Of the files of an exposure the RAW, then the one with most pixels, then the earliest: a rule, no likelihood."""
    copies = [copy for copy in contest.frames if isinstance(copy, Copy)]
    order = sorted(copies, key=lambda copy: (copy.format not in RAW_FORMATS, -copy.pixels))
    columns = {
        "asset_ids": [copy.asset_id for copy in order],
        "scores": [0.0] * len(order),
        "probabilities": [1.0] + [0.0] * (len(order) - 1),
        "band": Band.HIGH,
        "chips": [_plain_chip(*order[:2])],
        "rest": 0.0,
        "rest_margin": 0.0,
        "basis": basis(contest, everyones()),
    }
    return Made(contest.cluster_id, None, columns)


def _plain_chip(first: Copy, second: Copy) -> dict[str, Any]:
    text, difference = "order.less", None
    if (first.format in RAW_FORMATS) != (second.format in RAW_FORMATS):
        text = "raw.more"
    elif first.pixels != second.pixels:
        text, difference = "pixels.more", float(first.pixels - second.pixels)
    chip = Chip(text.partition(".")[0], text, True, 0.0, 0.0, difference, None, False, None)
    return chip_row(chip, None)


def _digest(*parts: Any) -> bytes:
    plain = [part.hex() if isinstance(part, bytes) else part for part in (_VERSION, *parts)]
    return hashlib.blake2b(orjson.dumps(plain, default=str), digest_size=16).digest()
