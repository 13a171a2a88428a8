"""Clusters of real pixels with planted defects: what a photographer sees of them is known, the signals must find it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.evaluation.degradations import Family, Pixels, exposed
from ml.evaluation.ranking import Case
from ml.ranking.features import DIMENSIONS, FEATURES, NAMES, SCALES, Floats, Kind, frames

#: How often a frame has a defect; between what parts of the photo's sides a frame shows; how exposures differ, in EV.
DEFECTS: Final = 0.5
VIEWS: Final = (0.72, 0.92)
STOPS: Final = 0.2
_TECHNIQUE: Final = np.array([feature.kind is Kind.TECHNIQUE for feature in FEATURES])


@dataclass(frozen=True, slots=True)
class Planted:
    """A cluster made of one photo: ``pictures``, the family that spoilt each (None: good), and ``flaws`` (n, d): what a
    person makes of that, in scales, 0 where nothing is wrong.
    """

    pictures: tuple[Pixels, ...]
    families: tuple[str | None, ...]
    flaws: Floats


def case(planted: Planted, values: Floats) -> Case:
    """The cluster as the ranker gets it, ``values`` (n, d) measured on its pictures, and as a person sees it: technique
    as it was planted, the rest, which is a matter of taste, as measured.
    """
    measured = frames(values).x
    return Case(np.where(_TECHNIQUE, frames(planted.flaws * SCALES).x, measured), measured)


def clusters(
    photos: Iterable[Pixels],
    seed: int | tuple[int, ...],
    families: Sequence[Family],
    sizes: Sequence[float],
    *,
    all_but_one: bool = False,
) -> Iterator[Planted]:
    """One cluster for each photo. ``sizes[i]`` is the share of clusters with i + 2 frames.

    Frames differ in framing and exposure, as a matter of taste. One of ``families`` spoils each in ``DEFECTS`` of the
    cases; with ``all_but_one`` one family, at a severity of at least 0.6, spoils all frames except one.
    """
    shares = np.asarray(sizes) / np.sum(sizes)
    for n, photo in enumerate(photos):
        random = np.random.default_rng((*(seed if isinstance(seed, tuple) else (seed,)), n))
        size = int(random.choice(len(shares), p=shares)) + 2
        if all_but_one:
            family, good = families[n % len(families)], int(random.integers(size))
            spoilt = [None if row == good else (family, float(random.uniform(0.6, 1.0))) for row in range(size)]
        else:
            spoilt = [_defect(random, families) for _ in range(size)]
        yield _made(photo, random, spoilt)


def _defect(random: np.random.Generator, families: Sequence[Family]) -> tuple[Family, float] | None:
    if random.random() > DEFECTS:
        return None
    return families[int(random.integers(len(families)))], float(random.uniform(0.25, 1.0))


def _made(photo: Pixels, random: np.random.Generator, spoilt: Sequence[tuple[Family, float] | None]) -> Planted:
    pictures, flaws = [], np.zeros((len(spoilt), DIMENSIONS))
    for row, defect in enumerate(spoilt):
        picture = exposed(_framed(photo, random), float(random.normal(0, STOPS)))
        if defect:
            family, severity = defect
            picture = family.apply(picture, severity, random)
            for name, scales in family.seen.items():
                flaws[row, NAMES.index(name)] = scales * severity
        pictures.append(picture)
    return Planted(tuple(pictures), tuple(defect[0].name if defect else None for defect in spoilt), flaws)


def _framed(photo: Pixels, random: np.random.Generator) -> Pixels:
    """Some part of the middle, but for a hand's unsteadiness: up to 1 % to any side."""
    (height, width), view = photo.shape[:2], float(random.uniform(*VIEWS))
    h, w = int(view * height), int(view * width)
    top, left = (int(((1 - view) / 2 + random.uniform(-0.01, 0.01)) * side) for side in (height, width))
    return photo[top : top + h, left : left + w]
