"""The personal layer: when it speaks, and when it keeps still."""

from __future__ import annotations

import numpy as np
import pytest

from ml.ranking import log, logit, personal
from ml.ranking.features import NAMES, Floats
from ml.ranking.log import Basis, Pick
from ml.ranking.personal import Settings, State
from ml.ranking.prior import GLOBAL
from tests.ml_ranking import drawn


def picks(random: np.random.Generator, count: int, weights: Floats, start: int = 0) -> list[Pick]:
    made = []
    for at in range(start, start + count):
        x = drawn.cluster(random, 5).x
        made.append(Pick(f"{at:04d}", at, x, (int(np.argmax(x @ weights + random.gumbel(size=5))),)))
    return made


def likes(**weights: float) -> Floats:
    liked = GLOBAL.mean.copy()
    for name, weight in weights.items():
        liked[NAMES.index(name)] = weight
    return liked


DARK = likes(brightness=-2.5, colour=-1.5)


def test_nineteen_picks_are_too_few(random: np.random.Generator) -> None:
    layer = personal.learn(picks(random, 19, DARK))
    assert (layer.state, layer.posterior, layer.picks, layer.held_out, layer.gain) == (
        State.TOO_FEW,
        GLOBAL,
        19,
        0,
        0.0,
    )


def test_picks_that_tell_nothing_do_not_count(random: np.random.Generator) -> None:
    """Frames alone, and clusters where all were picked."""
    made = picks(random, 19, DARK)
    alone = [Pick(f"alone {n}", n, drawn.cluster(random, 1).x, (0,)) for n in range(10)]
    both = [Pick(f"both {n}", n, drawn.cluster(random, 2).x, (0, 1)) for n in range(10)]
    layer = personal.learn([*made, *alone, *both])
    assert (layer.state, layer.picks) == (State.TOO_FEW, 19)


def test_a_taste_of_ones_own_is_used_after_twenty() -> None:
    made = picks(np.random.default_rng(3), 20, DARK)
    layer = personal.learn(made)
    assert (layer.state, layer.picks, layer.held_out) == (State.ACTIVE, 20, 15)
    assert layer.gain == pytest.approx(0.0989, abs=5e-4)
    assert layer.posterior.mean.tobytes() == logit.fit(log.choices(made), GLOBAL).mean.tobytes()
    assert layer.posterior.mean[NAMES.index("brightness")] < -1


def test_a_layer_that_is_no_better_is_not_used() -> None:
    """One who picks as everyone does: what is learnt of them is noise."""
    made = picks(np.random.default_rng(25), 30, GLOBAL.mean)
    layer = personal.learn(made)
    assert (layer.state, layer.posterior, layer.picks, layer.held_out) == (State.NOT_BETTER, GLOBAL, 30, 25)
    assert layer.gain < 0


def test_switched_off_it_is_everyones(random: np.random.Generator) -> None:
    made = picks(random, 40, DARK)
    layer = personal.learn(made, Settings(enabled=False))
    assert (layer.state, layer.posterior, layer.picks) == (State.OFF, GLOBAL, 40)


def test_starting_over_forgets_what_came_before(random: np.random.Generator) -> None:
    made = picks(random, 60, DARK)
    assert personal.learn(made, Settings(reset_at=59)).picks == 0
    after = personal.learn(made, Settings(reset_at=29))
    fresh = personal.learn(made[30:])
    assert (after.state, after.picks, after.gain) == (fresh.state, 30, fresh.gain)
    assert after.posterior.mean.tobytes() == fresh.posterior.mean.tobytes()


def test_any_order_gives_the_same_layer(random: np.random.Generator) -> None:
    made = picks(random, 50, DARK)
    once = personal.learn(made)
    again = personal.learn([made[n] for n in random.permutation(50)])
    assert (again.state, again.gain) == (once.state, once.gain)
    assert again.posterior.mean.tobytes() == once.posterior.mean.tobytes()


def test_no_pick_is_foretold_by_itself() -> None:
    """The weights that foretell a block of picks do not depend on that block, nor on what comes after it."""
    made = picks(np.random.default_rng(5), 15, DARK)
    other = [*made[:10], *picks(np.random.default_rng(6), 5, -DARK, start=10)]
    foretold, otherwise = personal.foretold(made), personal.foretold(other)
    first = [each.x[each.picked].tolist() for each in foretold]
    assert first == [pick.x[pick.picked[0]].tolist() for pick in made[5:]]
    alike = [a.weights.tobytes() == b.weights.tobytes() for a, b in zip(foretold, otherwise, strict=True)]
    assert alike == [True] * 10
    assert personal.foretold([*other, *made[10:]])[10].weights.tobytes() != foretold[0].weights.tobytes()


def test_an_accepted_suggestion_proves_little() -> None:
    made = picks(np.random.default_rng(3), 20, DARK)
    accepted = [Pick(p.id, p.at, p.x, p.picked, basis=Basis.ACCEPTED) for p in made]
    assert 0 < personal.learn(accepted).gain < 0.3 * personal.learn(made).gain


def test_the_gate_reads_the_latest_picks(random: np.random.Generator) -> None:
    assert personal.learn(picks(random, 150, DARK)).held_out == personal.WINDOW


@pytest.mark.parametrize("count", [0, 1])
def test_a_log_that_is_hardly_begun(random: np.random.Generator, count: int) -> None:
    assert personal.learn(picks(random, count, DARK)).state is State.TOO_FEW
