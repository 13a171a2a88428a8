"""What people decide about moments, bursts and duplicate groups, and what no later grouping undoes."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from ml.evaluation.shoots import Plan
from ml.grouping.constraints import FREE, Constraints
from ml.grouping.decisions import Decision, Decisions
from ml.grouping.evidence import Level, Reason
from ml.grouping.grouping import group
from ml.grouping.result import Grouping
from ml.grouping.sets import SetKind
from ml.grouping.shots import Ints
from tests.ml_grouping.conftest import Described, same, together

MOMENT, BURST, COPIES = Level.MOMENT, Level.BURST, Level.DUPLICATE
Make = Callable[[int, Plan], Described]


def regrouped(photos: Described, decisions: Decisions, previous: Grouping | None = None) -> Grouping:
    return grouped_part(photos, list(range(len(photos.packed))), decisions, previous)


def grouped_part(photos: Described, rows: list[int], decisions: Decisions, previous: Grouping | None) -> Grouping:
    shots, table, tiles = photos.part(rows)
    levels = {"constraints": decisions.moments, "bursts": decisions.bursts, "copies": decisions.copies}
    return group(shots, table, tiles=tiles, **levels, previous=previous)


def codes(found: Grouping, level: Level) -> Ints:
    return {MOMENT: found.moment, BURST: found.burst, COPIES: found.duplicate_group}[level]


def members(found: Grouping, level: Level, row: int) -> set[int]:
    """The ids, here rows, of the cluster that a row is in."""
    return set(np.flatnonzero(codes(found, level) == codes(found, level)[row]).tolist())


def burst_rows(photos: Described, found: Grouping, least: int) -> list[list[int]]:
    """The plain bursts of at least so many frames."""
    in_sets = {row for one in found.sets for row in one.members}
    bursts = [sorted(one) for one in together(found.burst) if len(one) >= least and not in_sets & one]
    return sorted(one for one in bursts if not photos.shoot.copied[one].any())


def test_bursts_put_together_are_one_burst_and_one_moment(mixed: Described) -> None:
    before = regrouped(mixed, Decisions())
    one, *_, other = burst_rows(mixed, before, 2)
    assert before.moment[one[0]] != before.moment[other[0]]
    decisions = Decisions.folded([Decision(BURST, [[*one, *other]])])
    found = regrouped(mixed, decisions)
    assert {*one, *other} <= members(found, BURST, one[0])
    assert {*one, *other} <= members(found, MOMENT, one[0])
    by_hand = found.links.where(found.links.level == BURST)
    assert Reason.BY_HAND in by_hand.about(other[0])[0].reasons


def test_a_burst_taken_apart_stays_apart_in_its_moment(mixed: Described) -> None:
    before = regrouped(mixed, Decisions())
    burst = burst_rows(mixed, before, 3)[0]
    found = regrouped(mixed, Decisions.folded([Decision(BURST, [burst[:1], burst[1:]])]))
    assert found.burst[burst[0]] != found.burst[burst[1]]
    assert len(set(found.burst[burst[1:]].tolist())) == 1
    assert np.array_equal(found.moment, before.moment)


def test_a_closed_burst_gains_nobody_and_loses_nobody(mixed: Described) -> None:
    burst = burst_rows(mixed, regrouped(mixed, Decisions()), 3)[0]
    decisions = Decisions.folded([Decision(BURST, [burst[:-1]], closed=True)])
    found = regrouped(mixed, decisions)
    assert members(found, BURST, burst[0]) == set(burst[:-1])
    reopened = Decisions.folded(
        [Decision(BURST, [burst[:-1]], closed=True), Decision(BURST, [burst[:1]], closed=False)]
    )
    assert members(regrouped(mixed, reopened), BURST, burst[0]) == set(burst)


def test_frames_between_do_not_bring_together_what_is_apart(described: Make) -> None:
    still = described(3, Plan(moments=1, bursts=1, burst_frames=9, blurred=0))
    burst = max(together(regrouped(still, Decisions()).burst), key=len)
    first, *between, last = sorted(burst)
    assert len(between) >= 3
    found = regrouped(still, Decisions.folded([Decision(BURST, [[first], [last]])]))
    assert found.burst[first] != found.burst[last]
    # everything else stays with one or the other, in a row
    assert set(found.burst[between].tolist()) <= {found.burst[first], found.burst[last]}
    assert (np.diff(found.burst[[first, *between, last]]) >= 0).all()


def test_a_set_that_was_put_into_a_larger_burst_is_still_a_set(mixed: Described) -> None:
    before = regrouped(mixed, Decisions())
    bracket = next(one for one in before.sets if one.kind is SetKind.BRACKET)
    burst = burst_rows(mixed, before, 2)[0]
    found = regrouped(mixed, Decisions.folded([Decision(BURST, [[*bracket.members, *burst]])]))
    assert bracket in found.sets
    assert {*bracket.members, *burst} <= members(found, BURST, burst[0])
    cut = regrouped(mixed, Decisions.folded([Decision(BURST, [bracket.members[:1], bracket.members[1:]])]))
    assert bracket not in cut.sets
    assert cut.burst[bracket.members[0]] != cut.burst[bracket.members[1]]


def copied_pair(photos: Described, found: Grouping) -> tuple[int, int]:
    copy = next(row for row in np.flatnonzero(photos.shoot.copied).tolist() if found.duplicate_group[row] >= 0)
    return int(photos.shoot.duplicate[copy]), copy


def test_copies_taken_apart_stay_apart_and_put_together_stay_together(mixed: Described) -> None:
    before = regrouped(mixed, Decisions())
    one, copy = copied_pair(mixed, before)
    assert before.duplicate_group[one] == before.duplicate_group[copy]
    apart = regrouped(mixed, Decisions.folded([Decision(COPIES, [[one], [copy]])]))
    assert apart.duplicate_group[one] != apart.duplicate_group[copy]
    burst = burst_rows(mixed, before, 2)[-1]
    one_group = regrouped(mixed, Decisions.folded([Decision(COPIES, [burst[:2]])]))
    assert members(one_group, COPIES, burst[0]) == set(burst[:2])
    link = one_group.links.where(one_group.links.level == COPIES).about(burst[1])[0]
    assert link.reasons == Reason.BY_HAND


def test_a_later_word_about_moments_divides_a_burst(mixed: Described) -> None:
    one, *_, other = burst_rows(mixed, regrouped(mixed, Decisions()), 2)
    log = [Decision(BURST, [[*one, *other]]), Decision(MOMENT, [one, other])]
    found = regrouped(mixed, Decisions.folded(log))
    assert found.moment[one[0]] != found.moment[other[0]]
    for part in (one, other):
        assert len(set(found.burst[part].tolist())) == 1


def test_a_later_word_about_a_burst_moves_it_to_the_moment_that_has_most_of_it(mixed: Described) -> None:
    bursts = burst_rows(mixed, regrouped(mixed, Decisions()), 2)
    one, other = bursts[0], bursts[-1]
    few = other[:1] if len(other) <= len(one) else [*other, *one][: len(other) + 1]
    log = [Decision(MOMENT, [one], closed=True), Decision(MOMENT, [other], closed=True)]
    both = Decisions.folded([*log, Decision(BURST, [[*one, *few]])])
    found = regrouped(mixed, both)
    assert len(set(found.burst[[*one, *few]].tolist())) == 1
    assert found.moment[one[0]] == found.moment[few[0]]
    assert len(both.moments.closed) == (2 if len(other) > 1 else 1)


def test_of_decisions_without_an_order_the_outer_level_counts(mixed: Described) -> None:
    one, *_, other = burst_rows(mixed, regrouped(mixed, Decisions()), 2)
    everything = [*one, *other]
    found = regrouped(mixed, Decisions(FREE.split([one, other]), FREE.merged(everything), FREE.merged(everything)))
    for level in Level:
        assert together(codes(found, level)[everything]) == together(np.array([0] * len(one) + [1] * len(other)))


def decision(random: Random, found: Grouping, ids: list[int]) -> Decision:
    """A random one, about the clusters there are at some level."""
    level = random.choice(list(Level))
    label = codes(found, level)
    clusters = [[ids[row] for row in np.flatnonzero(label == code)] for code in np.unique(label)]
    one, other = random.sample(clusters, 2) if len(clusters) > 1 else (clusters[0], [])
    what = random.choice(("merge", "split", "move", "lock", "unlock"))
    if what == "merge":
        return Decision(level, [[*one, *other]])
    if what == "split":
        shuffled = random.sample(one, len(one))
        cut = random.randrange(len(one))
        return Decision(level, [shuffled[:cut], shuffled[cut:]])
    if what == "move":
        return Decision(level, [[*other, one[0]], one[1:]])
    return Decision(level, [one], closed=what == "lock")


def inherited(constraints: Constraints, outer: dict[int, int]) -> dict[int, int]:
    """The outer clusters, for those too that a hand-made cluster of ``constraints`` brings along."""
    found = dict(outer)
    for number in set(constraints.pinned.values()):
        ids = [one for one, own in constraints.pinned.items() if own == number]
        there = {outer[one] for one in ids if one in outer}
        if len(there) == 1:
            found |= {one: next(iter(there)) for one in ids}
    return found


def holds(decisions: Decisions, found: Grouping, ids: list[int]) -> None:
    """Every decision that no outer one contradicts."""
    outer: list[tuple[Constraints, dict[int, int]]] = []
    above: dict[int, int] = dict.fromkeys(ids, 0)
    for level, constraints in zip(Level, (decisions.moments, decisions.bursts, decisions.copies), strict=True):
        code = dict(zip(ids, codes(found, level).tolist(), strict=True))
        pinned = {one: number for one, number in constraints.pinned.items() if one in code}
        for number in set(pinned.values()):
            held = [one for one, own in pinned.items() if own == number]
            agreed = all(undivided(closed, felt, held) for closed, felt in outer)
            if level is COPIES:
                # copies in and out of a hand-made burst may draw it into several moments, and then are parted
                agreed &= len({decisions.bursts.pinned.get(one) for one in held}) == 1
            # hand-made moments part copies even where these moments come out as one
            if agreed or (level is BURST and len({above[one] for one in held}) == 1):
                assert len({code[one] for one in held}) == 1, (level, held)
            if number in constraints.closed:
                there = {code[one] for one in held}
                assert {one for one in ids if code[one] in there} <= set(held), (level, held)
        of: dict[int, set[int]] = {}
        for one, number in pinned.items():
            of.setdefault(number, set()).add(code[one])
        assert all(of.get(a, set()).isdisjoint(of.get(b, set())) for a, b in constraints.apart), level
        outer = [(closed, inherited(constraints, felt)) for closed, felt in outer]
        outer.append((constraints, pinned))
        above = code


def undivided(constraints: Constraints, felt: dict[int, int], ids: list[int]) -> bool:
    """Whether an outer level leaves these together."""
    numbers = {felt.get(one, -1) for one in ids}
    return len(numbers - {-1}) <= 1 and (-1 not in numbers or numbers.isdisjoint(constraints.closed))


@pytest.mark.parametrize("seed", range(4))
def test_decisions_hold_over_a_hundred_groupings(mixed: Described, seed: int) -> None:
    random, log, previous = Random(seed), list[Decision](), None
    everything = range(len(mixed.packed))
    for turn in range(100):
        # some photos come and go between
        rows = sorted(random.sample(everything, len(everything) - random.randrange(4)))
        decisions = Decisions.folded(log)
        now = grouped_part(mixed, rows, decisions, previous)
        holds(decisions, now, rows)
        if turn % 20 == 0:
            same(now, grouped_part(mixed, rows, decisions, None))
        if turn < 40:
            log.append(decision(random, now, rows))
        previous = now


@pytest.mark.parametrize("seed", range(6))
def test_photos_in_any_order_under_decisions(mixed: Described, seed: int) -> None:
    random = Random(100 + seed)
    whole = regrouped(mixed, Decisions())
    ids = list(range(len(mixed.packed)))
    log = [decision(random, whole, ids) for _ in range(8)]
    order, previous = random.sample(ids, len(ids)), None
    for made, arrived in enumerate(sorted(random.sample(range(2, len(ids)), 7)), 1):
        decisions = Decisions.folded(log[:made])
        now = grouped_part(mixed, order[:arrived], decisions, previous)
        same(now, grouped_part(mixed, order[:arrived], decisions, None))
        holds(decisions, now, order[:arrived])
        previous = now


def applied(constraints: Constraints, one: Decision) -> Constraints:
    if one.closed is None:
        return constraints.split(one.parts)
    return constraints.locked(one.parts[0]) if one.closed else constraints.unlocked(one.parts[0])


def test_a_log_is_the_same_one_by_one_and_at_once() -> None:
    random, one_by_one, log = Random(8), FREE, list[Decision]()
    for _ in range(200):
        ids = random.sample(range(60), random.randrange(2, 9))
        cut = random.randrange(1, len(ids))
        closed = random.choice((None, None, True, False))
        log.append(Decision(MOMENT, [ids[:cut], ids[cut:]] if closed is None else [ids], closed))
        one_by_one = applied(one_by_one, log[-1])
    at_once = Decisions.folded(log).moments
    # the numbers differ: one by one, those that no photo carries any more are given again
    name = {at_once.pinned[photo]: number for photo, number in one_by_one.pinned.items()}
    assert {photo: name[number] for photo, number in at_once.pinned.items()} == one_by_one.pinned
    assert {name[number] for number in at_once.closed} == one_by_one.closed
    assert {tuple(sorted((name[a], name[b]))) for a, b in at_once.apart} == one_by_one.apart


def test_thousands_of_reviewed_clusters_are_locked_at_once() -> None:
    clusters = [range(at, at + 4) for at in range(0, 20_000, 4)]
    locked = FREE.locked_all(clusters)
    assert len(locked.pinned) == 20_000
    assert (len(locked.closed), locked.apart) == (5_000, frozenset())
    assert all(locked.pinned[cluster[0]] == locked.pinned[cluster[3]] for cluster in clusters)


def test_five_thousand_decisions_fold_in_a_second() -> None:
    random = Random(5)
    log = []
    for at in range(5_000):
        start = random.randrange(19_900)
        level = Level(at % 3)
        parts = [range(start, start + 6), range(start + 6, start + random.randrange(8, 40))]
        log.append(Decision(level, parts[: 1 + at % 2], closed=True if at % 5 == 0 else None))
    began = time.process_time()
    decisions = Decisions.folded(log)
    assert time.process_time() - began < 1
    assert len(decisions.moments.pinned) > 10_000
