"""Shoots made of drawn places: who belongs to whom is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from kilo_gql.sample_scenes import lake, meadow, street, table
from ml.descriptors import DescriptorTable, describe, stack
from ml.evaluation.shoots import Plan, Shoot, shoot
from ml.grouping.evidence import Links
from ml.grouping.result import Grouping
from ml.grouping.shots import Floats, Ints, Shots

SIZE = (300, 200)


@dataclass(frozen=True)
class Described:
    """A shoot, and the packed descriptors of its pictures."""

    shoot: Shoot
    packed: list[bytes]

    @property
    def table(self) -> DescriptorTable:
        return stack(self.packed)

    def part(self, rows: Sequence[int]) -> tuple[Shots, DescriptorTable, Floats]:
        """What is known of some of the photos."""
        chosen = np.array(rows, np.int64)
        return self.shoot.shots.take(chosen), stack([self.packed[row] for row in rows]), self.shoot.tiles[chosen]


@pytest.fixture(scope="session")
def places() -> list[Image.Image]:
    drawn = [draw(*SIZE, seed) for seed in range(3) for draw in (lake, street, meadow)]
    drawn += [table(*SIZE, 0.5)]
    return [Image.fromarray((np.clip(one, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)) for one in drawn]


@pytest.fixture(scope="session")
def described(places: list[Image.Image]) -> Callable[[int, Plan], Described]:
    def make(seed: int, plan: Plan) -> Described:
        made = shoot(places, seed, plan)
        return Described(made, [describe(picture).pack() for picture in made.pictures])

    return make


@pytest.fixture(scope="session")
def mixed(described: Callable[[int, Plan], Described]) -> Described:
    """A bit of everything, over several segments."""
    plan = Plan(
        moments=7, moment_gap_s=900, brackets=1, panoramas=1, focus_stacks=1, timelapses=1, copies=0.2, cameras=2
    )
    return described(5, plan)


def together(codes: Ints) -> set[frozenset[int]]:
    """The groups of more than one row."""
    groups = (frozenset(np.flatnonzero(codes == code).tolist()) for code in np.unique(codes))
    return {group for group in groups if len(group) > 1}


def same(one: Grouping, other: Grouping) -> None:
    """Assert that two groupings are equal to the last link."""
    for name in ("moment", "burst", "duplicate_group"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert one.sets == other.sets
    for column in Links.__dataclass_fields__:
        assert np.array_equal(getattr(one.links, column), getattr(other.links, column), equal_nan=True), column
