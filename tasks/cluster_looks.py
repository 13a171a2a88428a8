"""What photos look like, as far as grouping needs it: the heads of their descriptors, remembered from one grouping to
the next. The structures, six times as much, are read only of the few photos that are compared by them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Final, overload
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from kilo_gql.domain.grouping_facts import descriptors, heads
from ml.descriptors import (
    DESCRIPTORS_VERSION,
    HEAD_BYTES,
    PACKED_BYTES,
    STRUCTURE_ZERO,
    DescriptorTable,
    columns,
)
from ml.grouping.clocks import ClockOffset
from ml.grouping.focus import SIDE, grids
from ml.grouping.result import Grouping
from ml.grouping.shots import Floats
from ml.planes import Bytes
from tasks.kit import Kit

#: Photos of which one statement reads the heads.
_BATCH: Final = 5_000
#: Bytes that all projects together may take, and what a photo takes beside its head: keys, and its part of a grouping.
BUDGET: Final = 256 << 20
_BESIDE: Final = 1_800
#: Structures that are held at a time.
_HELD: Final = 4_096
#: A photo that is not measured looks like nothing: flat and black.
_BLANK_HEAD: Final = bytes(HEAD_BYTES)
_BLANK: Final = _BLANK_HEAD + bytes((STRUCTURE_ZERO,)) * (PACKED_BYTES - HEAD_BYTES)


@dataclass(slots=True)
class Remembered:
    """Of one project. ``stamps``: when each photo was measured, as ``grouping`` knew it (None: it was not).

    ``clocks``: the last estimates, and ``scores`` of what was decided, by what they rest on.
    """

    stamps: dict[UUID, datetime | None] = field(default_factory=dict)
    heads: dict[UUID, bytes] = field(default_factory=dict)
    #: Where in the frame it is sharp: ``ml.grouping.focus.grids``.
    tiles: dict[UUID, Floats] = field(default_factory=dict)
    grouping: Grouping | None = None
    clocks: dict[bytes, list[ClockOffset]] = field(default_factory=dict)
    scores: dict[bytes, list[float]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.stamps) * (HEAD_BYTES + _BESIDE)


class Memory:
    """The projects that were grouped last in this process, as many as fit."""

    def __init__(self, budget: int = BUDGET) -> None:
        self.budget = budget
        self._projects: OrderedDict[UUID, Remembered] = OrderedDict()

    def take(self, project_id: UUID) -> Remembered:
        """What is remembered of a project. It is taken out, so that nobody else changes it meanwhile."""
        return self._projects.pop(project_id, None) or Remembered()

    def put(self, project_id: UUID, remembered: Remembered) -> None:
        """Remember this, and forget what was not used for longest."""
        self._projects[project_id] = remembered
        while sum(one.size for one in self._projects.values()) > self.budget:
            self._projects.popitem(last=False)

    def __len__(self) -> int:
        return len(self._projects)


def is_measured(photo: Any) -> bool:
    """Whether a photo has descriptors that can be compared."""
    return photo.measured_at is not None and photo.descriptors_version == DESCRIPTORS_VERSION


async def refresh(kit: Kit, remembered: Remembered, photos: Sequence[Any]) -> None:
    """Read the heads that are missing, or were measured anew; a grouping that rested on others is forgotten."""
    stamps = {photo.id: photo.measured_at if is_measured(photo) else None for photo in photos}
    known = remembered.stamps
    if any(id_ in stamps and stamps[id_] != stamp for id_, stamp in known.items()):
        remembered.grouping, remembered.clocks, remembered.scores = None, {}, {}
    remembered.heads = {id_: head for id_, head in remembered.heads.items() if stamps.get(id_) == known[id_]}
    remembered.tiles = {id_: remembered.tiles[id_] for id_ in remembered.heads}
    missing = [id_ for id_, stamp in stamps.items() if stamp is not None and id_ not in remembered.heads]
    remembered.stamps = {id_: stamp if id_ in remembered.heads else None for id_, stamp in stamps.items()}
    for start in range(0, len(missing), _BATCH):
        async with kit.read() as tx:
            rows = await heads(tx, missing[start : start + _BATCH], HEAD_BYTES)
        remembered.heads |= {row.asset_id: row.head for row in rows if len(row.head) == HEAD_BYTES}
        remembered.tiles |= _tiles(rows)
        remembered.stamps |= {row.asset_id: row.measured_at for row in rows}


def _tiles(rows: Sequence[Any]) -> dict[UUID, Floats]:
    found: dict[UUID, Floats] = {}
    for size, alike in groupby(sorted(rows, key=_map_size), key=_map_size):
        some = list(alike)
        found |= zip((row.asset_id for row in some), grids(*size, b"".join(row.sharpness for row in some)), strict=True)
    return found


def _map_size(row: Any) -> tuple[int, int]:
    return row.tile_rows, row.tile_columns


def tiles_of(remembered: Remembered, photos: Sequence[Any]) -> Floats:
    """The photos' tiles, row by row; nan for those that are not measured."""
    blank = np.full(SIDE * SIDE, np.nan)
    return np.array([remembered.tiles.get(photo.id, blank) for photo in photos], np.float64).reshape(-1, SIDE * SIDE)


class _Structures(Sequence[bytes]):
    """Packed descriptors by row, read when they are asked for."""

    def __init__(self, asset_ids: Sequence[UUID], read: Callable[[list[UUID]], Mapping[UUID, bytes]]) -> None:
        self._asset_ids = asset_ids
        self._read = read
        self._held: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self._asset_ids)

    @overload
    def __getitem__(self, row: int) -> bytes: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[bytes]: ...
    def __getitem__(self, row: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(row, slice):
            return [self._held[one] for one in range(*row.indices(len(self)))]
        return self._held[int(row)]

    def fetch(self, rows: Sequence[int]) -> None:
        """Have these at hand."""
        if len(self._held) > _HELD:
            self._held.clear()
        missing = {row: self._asset_ids[row] for row in rows if row not in self._held}
        found = self._read(list(missing.values())) if missing else {}
        self._held |= {row: found.get(id_, _BLANK) for row, id_ in missing.items()}


class _Table(DescriptorTable):
    """Descriptors whose structures come from the database when they are compared."""

    __slots__ = ()

    def structure(self, rows: Sequence[int] | NDArray[np.intp]) -> Bytes:
        assert isinstance(self.packed, _Structures)
        self.packed.fetch([int(row) for row in rows])
        return DescriptorTable.structure(self, rows)


def table_of(kit: Kit, remembered: Remembered, photos: Sequence[Any]) -> DescriptorTable:
    """The photos' descriptors, row by row. For use in a thread of its own, while this loop goes on."""
    loop = asyncio.get_running_loop()

    async def ask(asset_ids: list[UUID]) -> Mapping[UUID, bytes]:
        async with kit.read() as tx:
            return await descriptors(tx, asset_ids)

    def read(asset_ids: list[UUID]) -> Mapping[UUID, bytes]:
        there = [id_ for id_ in asset_ids if id_ in remembered.heads]
        return asyncio.run_coroutine_threadsafe(ask(there), loop).result() if there else {}

    asset_ids = [photo.id for photo in photos]
    return _Table(*columns([remembered.heads.get(id_, _BLANK_HEAD) for id_ in asset_ids]), _Structures(asset_ids, read))
