"""Where each file of an import stands. Written by the import, read by whoever shows it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from kilo_gql.importing.scan import Found, Reason, Scan


class Stage(StrEnum):
    """found → hashed → sending → sent → processing → ready | quarantined; or an end on the way."""

    FOUND = "found"
    HASHED = "hashed"
    SENDING = "uploading"
    SENT = "uploaded"
    PROCESSING = "processing"
    READY = "ready"
    QUARANTINED = "quarantined"
    PRESENT = "already there"
    TRASHED = "already there, in the trash"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        return self in _FINAL


_FINAL: Final = frozenset((Stage.READY, Stage.QUARANTINED, Stage.PRESENT, Stage.TRASHED, Stage.FAILED))


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file is not in, for programs and for people, and what to do about it."""

    code: str
    reason: str
    remedies: Sequence[str] = ()

    @classmethod
    def told(cls, error: Mapping[str, Any]) -> Problem:
        """As an answer of the API tells it: an error, or the quarantine of an asset."""
        reason = error.get("message") or error.get("reason") or ""
        return cls(str(error["code"]), str(reason), tuple(error.get("remediation") or ()))


@dataclass(slots=True, eq=False)
class Item:
    """One file. ``sent`` counts the bytes the server has, ``tries`` how often it was prepared."""

    found: Found
    stage: Stage = Stage.FOUND
    sha256: str = ""
    asset_id: UUID | None = None
    sent: int = 0
    tries: int = 0
    problem: Problem | None = None

    @property
    def content(self) -> tuple[str, str]:
        """What it is known by: of two photos of the same bytes one is sent, of two sidecars only under one name."""
        name = self.path.name.lower()
        return self.sha256, name if name.endswith(".xmp") else ""

    @property
    def path(self) -> Path:
        return self.found.path


@dataclass(slots=True)
class Board:
    """All files of one import. ``notice`` is what a person should know at the moment, if anything."""

    items: list[Item]
    skipped: list[tuple[Path, Reason]]
    counts: Counter[Stage]
    #: Ends of files that nobody has told yet, for screens that write lines.
    news: deque[Item] = field(default_factory=deque)
    #: Bytes that this import has sent, and those that need no sending (any more).
    sent: int = 0
    settled: int = 0
    notice: str | None = None
    started: float = field(default_factory=time.monotonic)
    _by_asset: dict[UUID, Item] = field(default_factory=dict)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, scan: Scan) -> Board:
        """A board on which nothing has happened yet."""
        items = [Item(found) for found in scan.found]
        return cls(items, scan.skipped, Counter({**dict.fromkeys(Stage, 0), Stage.FOUND: len(items)}))

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(item.found.size for item in self.items)

    @property
    def done(self) -> int:
        """Files that will not change any more."""
        return sum(self.counts[stage] for stage in _FINAL)

    def move(self, item: Item, stage: Stage, problem: Problem | None = None) -> None:
        """Put a file where it stands now. A file that has reached its end stays there."""
        if item.stage.final:
            return
        self.counts[item.stage] -= 1
        self.counts[stage] += 1
        item.stage, item.problem = stage, problem or item.problem
        if stage.final:
            self.settled += item.found.size - item.sent
            item.sent = item.found.size
            self.news.append(item)
        self._moved.set()

    def meet(self, item: Item, asset_id: UUID) -> None:
        """From now on, what is told about this asset is about this file."""
        item.asset_id = asset_id
        self._by_asset[asset_id] = item

    def of_asset(self, asset_id: UUID) -> Item | None:
        """The file that became this asset; None if it is somebody else's."""
        return self._by_asset.get(asset_id)

    def processing(self) -> list[Item]:
        """The files that the server works on."""
        return [item for item in self.items if item.stage is Stage.PROCESSING]

    def resume(self, item: Item, received: int) -> None:
        """A file is about to be sent, of which so many bytes are there."""
        self.settled += received - item.sent
        item.sent = received
        self.move(item, Stage.SENDING)

    def progressed(self, item: Item, offset: int) -> None:
        """The server has, or is about to have, this many bytes of a file."""
        self.sent += offset - item.sent
        item.sent = offset

    async def moved(self) -> None:
        """Return when a file moves."""
        self._moved.clear()
        await self._moved.wait()

    async def idle(self) -> None:
        """Return when the server works on nothing (any more)."""
        while self.counts[Stage.PROCESSING]:
            await self.moved()
