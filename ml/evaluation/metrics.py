"""How well a grouping agrees with the truth. Both are arrays of group codes, one a photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.grouping.shots import Ints


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision, recall and their harmonic mean, each from 0 to 1."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def b_cubed(truth: Ints, found: Ints) -> Agreement:
    """B³ (Bagga and Baldwin 1998): how pure and how whole the group of each photo is, averaged over the photos."""
    table = _contingency(truth, found)
    n = table.sum()
    if n == 0:
        return Agreement(1.0, 1.0)
    squares = table.astype(np.float64) ** 2
    return Agreement(
        float((squares / np.maximum(table.sum(axis=0), 1)).sum() / n),
        float((squares / np.maximum(table.sum(axis=1), 1)[:, None]).sum() / n),
    )


def pairwise(truth: Ints, found: Ints) -> Agreement:
    """Of the pairs grouped together, those that belong so; of those that belong so, the ones grouped together."""
    table = _contingency(truth, found)
    both = _pairs(table)
    together, belonging = _pairs(table.sum(axis=0)), _pairs(table.sum(axis=1))
    return Agreement(both / together if together else 1.0, both / belonging if belonging else 1.0)


def edits(truth: Ints, found: Ints) -> int:
    """The splits and merges that turn what was found into the truth: each group is split into its parts of one true
    group, then the parts of each true group are merged."""
    parts = int((_contingency(truth, found) > 0).sum())
    return 2 * parts - len(np.unique(found)) - len(np.unique(truth))


def _contingency(truth: Ints, found: Ints) -> Ints:
    _, rows = np.unique(truth, return_inverse=True)
    _, columns = np.unique(found, return_inverse=True)
    table = np.zeros((rows.max(initial=-1) + 1, columns.max(initial=-1) + 1), np.int64)
    np.add.at(table, (rows, columns), 1)
    return table


def _pairs(counts: Ints) -> int:
    return int((counts * (counts - 1) // 2).sum())
