"""Decisions about all three levels, in the order in which they were made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ml.grouping.constraints import FREE, Constraints, Draft
from ml.grouping.evidence import Level


@dataclass(frozen=True, slots=True)
class Decision:
    """``parts``, ids of photos, are one cluster of ``level`` each, and apart: one part merges, several split; a move
    is the target with what joins it, and the rest. ``closed``: True locks them as well, False only unlocks them.
    """

    level: Level
    parts: Sequence[Collection[int]]
    closed: bool | None = None


@dataclass(frozen=True, slots=True)
class Decisions:
    """Constraints for each level. Where they contradict each other the outer level counts: see ``group``."""

    moments: Constraints = FREE
    bursts: Constraints = FREE
    copies: Constraints = FREE

    @classmethod
    def folded(cls, log: Iterable[Decision]) -> Decisions:
        """What a log comes to: the later decision counts, at whatever level.

        What is put together at an inner level, and was apart at an outer one, goes to the outer cluster that has most
        of it. What is taken apart at an outer level needs no word at an inner one.
        """
        drafts = {level: Draft() for level in Level}
        for one in log:
            if one.closed is False:
                for part in one.parts:
                    drafts[one.level].open(part)
                continue
            drafts[one.level].decide(one.parts, closed=one.closed is True)
            for outer in range(one.level):
                for part in one.parts:
                    drafts[Level(outer)].gather(part)
        return cls(*(drafts[level].constraints() for level in Level))
