"""From a log of picks to what is learnt: as a set, whatever the order."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ml.ranking import log, logit
from ml.ranking.features import DIMENSIONS, Floats
from ml.ranking.log import Basis, Pick
from ml.ranking.logit import Choices
from ml.ranking.prior import GLOBAL
from tests.ml_ranking import drawn


def frames(count: int) -> Floats:
    """Rows that are told apart by their first value."""
    return np.tile(np.arange(count, dtype=np.float64)[:, None], DIMENSIONS)


def sets(choices: Choices) -> list[tuple[list[float], float, float]]:
    """(first values of the rows, that of the preferred one, weight) of each set."""
    stops = [*choices.starts[1:], len(choices.x)]
    return [
        (choices.x[start:stop, 0].tolist(), float(choices.x[chosen, 0]), float(weight))
        for start, stop, chosen, weight in zip(choices.starts, stops, choices.chosen, choices.weight, strict=True)
    ]


def test_a_pick_is_preferred_to_all_others() -> None:
    assert sets(log.choices([Pick("a", 0, frames(3), (1,))])) == [([1, 0, 2], 1, 1.0)]


def test_several_picks_are_each_preferred_to_the_rest() -> None:
    made = log.choices([Pick("a", 0, frames(4), (3, 1), basis=Basis.OVERRIDE)])
    assert sets(made) == [([1, 0, 2], 1, 1.0), ([3, 0, 2], 3, 1.0)]


def test_a_reject_is_below_all_at_half_the_weight() -> None:
    made = log.choices([Pick("a", 0, frames(4), (), (2, 3))])
    assert sets(made) == [([-2, 0, -1], -2, 0.5), ([-3, 0, -1], -3, 0.5)]


def test_an_accepted_suggestion_is_weak_evidence() -> None:
    made = [log.choices([Pick("a", 0, frames(2), (0,), basis=basis)]).weight.tolist() for basis in Basis]
    assert dict(zip(Basis, made, strict=True)) == {
        Basis.ACCEPTED: [0.3],
        Basis.OVERRIDE: [1.0],
        Basis.UNPROMPTED: [1.0],
        Basis.CLIENT: [1.0],
    }


@pytest.mark.parametrize(
    "pick",
    [
        Pick("a", 0, frames(1), (0,)),
        Pick("a", 0, frames(3), (0, 1, 2)),
        Pick("a", 0, frames(3), (), (0, 1, 2)),
        Pick("a", 0, frames(3), ()),
    ],
    ids=["alone", "all picked", "all rejected", "untouched"],
)
def test_a_cluster_treated_alike_says_nothing(pick: Pick) -> None:
    assert len(log.choices([pick])) == 0


def test_any_order_gives_the_same_bits(random: np.random.Generator) -> None:
    picks = drawn.picks(random, 80)
    once = logit.fit(log.choices(picks), GLOBAL)
    for _ in range(10):
        shuffled = [picks[n] for n in random.permutation(len(picks))]
        again = logit.fit(log.choices(shuffled), GLOBAL)
        assert again.mean.tobytes() == once.mean.tobytes()
        assert again.precision.tobytes() == once.precision.tobytes()


def test_undo_is_to_leave_a_pick_out(random: np.random.Generator) -> None:
    """Random picks, undos and redos: at every moment the bits are those of the picks in force, fitted afresh."""
    pool = drawn.picks(random, 30)
    learnt = {frozenset(): GLOBAL.mean.tobytes()}
    log_of_actions: list[Pick] = []
    undone: list[Pick] = []
    for _ in range(120):
        if log_of_actions and random.random() < 0.4:
            undone.append(log_of_actions.pop(int(random.integers(len(log_of_actions)))))
        elif undone and random.random() < 0.5:
            log_of_actions.append(undone.pop())
        elif pool:
            log_of_actions.append(pool.pop())
        bits = logit.fit(log.choices(log_of_actions), GLOBAL).mean.tobytes()
        assert learnt.setdefault(frozenset(pick.id for pick in log_of_actions), bits) == bits


def test_the_smallest_change_is_learnt(random: np.random.Generator) -> None:
    picks = [Pick(str(n), n, drawn.cluster(random, 4).x, (0,)) for n in range(20)]
    changed = [*picks[:-1], dataclasses.replace(picks[-1], picked=(1,))]
    a, b = (logit.fit(log.choices(each), GLOBAL).mean for each in (picks, changed))
    assert np.abs(a - b).max() > 1e-3
