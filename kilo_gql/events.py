"""What is told to the world: small changes, written with their cause, read in one order by every door."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson

#: Ids one event carries at most; a larger change is told in several.
MAX_IDS: Final = 500


class EventName(StrEnum):
    """Wire names: of SSE events, and of GraphQL event types."""

    PROJECT_UPDATED = "project.updated"
    MEMBER_UPDATED = "member.updated"
    JOB_PROGRESS = "job.progress"
    JOB_DONE = "job.done"
    ASSET_UPDATED = "asset.updated"
    CLUSTER_UPDATED = "cluster.updated"
    EXPORT_UPDATED = "export.updated"
    GALLERY_UPDATED = "gallery.updated"
    WEBHOOK_UPDATED = "webhook.updated"


_NAMES: Final = frozenset(EventName)
#: What ``changed`` of a gallery event holds where nobody's right to look is touched.
_DEEDS: Final = frozenset(("activity", "choices", "comments", "changedAssets", "proposals"))


@dataclass(frozen=True, slots=True)
class Change:
    """The same columns changed to the same values on one or more things of a project."""

    name: EventName
    project_id: UUID
    ids: tuple[UUID, ...]
    changed: Mapping[str, Any] = field(default_factory=dict)

    def mergeable(self, other: Change) -> bool:
        return (
            self.name is other.name
            and self.project_id == other.project_id
            and self.changed == other.changed
            and len(self.ids) + len(other.ids) <= MAX_IDS
        )

    def merged(self, other: Change) -> Change:
        return replace(self, ids=tuple(dict.fromkeys((*self.ids, *other.ids))))


def outbox_rows(changes: Iterable[Change], op_id: UUID, actor_id: UUID | None) -> list[dict[str, Any]]:
    """The outbox rows of one transaction's changes, in the order they were made."""
    return [
        {
            "project_id": change.project_id,
            "name": change.name.value,
            "ids": list(change.ids),
            "changed": msgspec.to_builtins(dict(change.changed)),
            "op_id": op_id,
            "actor_id": actor_id,
        }
        for change in changes
    ]


def event_name(text: str) -> str:
    """The name as code compares it. Other versions run beside this one: an unknown name stays what it is."""
    return EventName(text) if text in _NAMES else text


@dataclass(frozen=True)
class Event:
    """A numbered event, as every door reads it. Its text is made once, however many listen."""

    epoch: int
    seq: int
    project_id: UUID
    #: An EventName, or the plain text of one that only newer code knows.
    name: str
    ids: tuple[UUID, ...]
    changed: Mapping[str, Any]
    op_id: UUID | None
    actor_id: UUID | None
    at: datetime

    @property
    def cursor(self) -> str:
        return f"{self.epoch}-{self.seq}"

    @cached_property
    def json(self) -> bytes:
        """The event as a REST client sees it."""
        return orjson.dumps(
            {
                "projectId": self.project_id,
                "ids": self.ids,
                "changed": self.changed,
                "opId": self.op_id,
                "actorId": self.actor_id,
                "at": self.at,
            },
            default=str,  # the driver's UUIDs are a subclass, which orjson does not take for one
        )

    @cached_property
    def sse(self) -> bytes:
        """The event as one server-sent event."""
        return b"id: %b\nevent: %b\ndata: %b\n\n" % (self.cursor.encode(), self.name.encode(), self.json)


def tells_of_deeds(event: Event) -> bool:
    """Is this gallery event about what guests and photographers did there, rather than about its conditions?"""
    return not _DEEDS.isdisjoint(event.changed)


class ResetReason(StrEnum):
    """Why a cursor could not be served. The reader fetches its state anew and goes on from the reset's cursor."""

    MALFORMED = "malformed"
    EPOCH = "epoch"
    FUTURE = "future"
    EXPIRED = "expired"
    FAR_BEHIND = "far_behind"


@dataclass(frozen=True)
class Reset:
    """The snapshot marker: everything up to ``cursor`` must be read from the API instead of the log."""

    epoch: int
    seq: int
    project_id: UUID
    reason: ResetReason

    @property
    def cursor(self) -> str:
        return f"{self.epoch}-{self.seq}"

    @cached_property
    def sse(self) -> bytes:
        data = orjson.dumps({"projectId": str(self.project_id), "reason": self.reason, "cursor": self.cursor})
        return b"id: %b\nevent: reset\ndata: %b\n\n" % (self.cursor.encode(), data)


_CURSOR: Final = re.compile(r"(\d{1,12})-(\d{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Position:
    """A parsed cursor."""

    epoch: int
    seq: int

    @classmethod
    def parse(cls, cursor: str) -> Position | None:
        """None: this was never one of our cursors."""
        match = _CURSOR.fullmatch(cursor.strip())
        return cls(int(match[1]), int(match[2])) if match else None


def servable(position: Position | None, *, epoch: int, first: int, last: int, far: int) -> ResetReason | None:
    """Why a cursor cannot be served from a log that holds ``first..last`` of ``epoch`` (None: it can)."""
    if position is None:
        return ResetReason.MALFORMED
    if position.epoch != epoch:
        return ResetReason.EPOCH
    if position.seq > last:
        return ResetReason.FUTURE
    if position.seq < first - 1:
        return ResetReason.EXPIRED
    if last - position.seq > far:
        return ResetReason.FAR_BEHIND
    return None
