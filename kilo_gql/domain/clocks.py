"""What the clocks of a project's cameras are off by: estimated by grouping, or said by a person, who is always right.

It is added to no file and to no capture time: grouping takes it off while it compares the photos of several cameras.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select

from kilo_gql.access import Perm
from kilo_gql.codec import stored
from kilo_gql.db import Tx
from kilo_gql.domain import clustering
from kilo_gql.errors import BadRequest
from kilo_gql.events import Change, EventName
from kilo_gql.models import Grouping
from kilo_gql.operations import operation

#: A clock that was never set is decades off.
OFFSET_MAX_S: Final = 100 * 365.25 * 86_400.0
#: Bytes of a camera's key.
_KEY: Final = 8


def camera_key(make: str | None, model: str | None, serial: str | None) -> str | None:
    """What a camera is called in a project's clocks: hexadecimal. None where a file does not say which it was."""
    if model is None:
        return None
    names = "\0".join((make or "", model, serial or ""))
    return hashlib.blake2b(names.encode(), digest_size=_KEY).hexdigest()


class ClockSource(StrEnum):
    """Where an offset comes from."""

    ESTIMATED = "estimated"
    MANUAL = "manual"


@stored
class CameraClock(msgspec.Struct, frozen=True):
    """A camera of a project and its clock.

    ``offset_seconds``: how far it is ahead, as it is applied. ``reference``: the clock the others are compared with.
    The estimate: ``support``, pairs of photos that agree; ``ratio``, how much more than at any other offset (None:
    there is no other); ``accepted``, clear enough to be applied. All None where none could be made.
    """

    camera: str
    label: str
    asset_count: int
    reference: bool
    offset_seconds: float
    source: ClockSource | None
    estimated_seconds: float | None
    support: int | None
    ratio: float | None
    accepted: bool | None


class Entry(msgspec.Struct):
    """A camera as it stands in ``groupings.clock_offsets``, under its key. Seconds ahead."""

    label: str
    asset_count: int
    reference: bool = False
    estimated_s: float | None = None
    support: int | None = None
    ratio: float | None = None
    accepted: bool | None = None
    manual_s: float | None = None


def entries_of(clock_offsets: Mapping[str, Any]) -> dict[str, Entry]:
    """The column as values."""
    return {camera: msgspec.convert(entry, Entry) for camera, entry in clock_offsets.items()}


def column_of(entries: Mapping[str, Entry]) -> dict[str, Any]:
    """The values as the column holds them, in one order."""
    return {camera: msgspec.to_builtins(entries[camera]) for camera in sorted(entries)}


def applied(entries: Mapping[str, Entry]) -> dict[str, float]:
    """Seconds that each camera is ahead: as a person said, else as far as an accepted estimate goes, else 0.

    Estimates count from the reference, whose own clock may have been set right by hand.
    """
    base = next((entry.manual_s or 0.0 for entry in entries.values() if entry.reference), 0.0)
    return {camera: _applied(entry, base) for camera, entry in entries.items()}


def _applied(entry: Entry, base: float) -> float:
    if entry.manual_s is not None:
        return entry.manual_s
    return base + entry.estimated_s if entry.accepted and entry.estimated_s is not None else 0.0


def clocks_of(clock_offsets: Mapping[str, Any]) -> list[CameraClock]:
    """The cameras of a project, those with most photos first."""
    entries = entries_of(clock_offsets)
    offsets = applied(entries)
    order = sorted(entries, key=lambda camera: (-entries[camera].asset_count, camera))
    return [_clock(camera, entries[camera], offsets[camera]) for camera in order]


def _clock(camera: str, entry: Entry, offset: float) -> CameraClock:
    source = ClockSource.MANUAL if entry.manual_s is not None else ClockSource.ESTIMATED if entry.accepted else None
    return CameraClock(
        camera,
        entry.label,
        entry.asset_count,
        entry.reference,
        offset,
        source,
        entry.estimated_s,
        entry.support,
        entry.ratio,
        entry.accepted,
    )


@operation(Perm.PROJECT_UPDATE, write=True)
async def set_clock_offset(tx: Tx, project_id: UUID, camera: str, offset_seconds: float | None) -> list[CameraClock]:
    """Say how many seconds a camera's clock was ahead of the time; null goes back to the estimate.

    Answers with all cameras of the project. Files and capture times stay as they are: the project is grouped anew.
    Raises BadRequest ``unknown_camera``.
    """
    if offset_seconds is not None and not (math.isfinite(offset_seconds) and abs(offset_seconds) <= OFFSET_MAX_S):
        raise BadRequest("A clock is off by 100 years at most.", details={"field": "offsetSeconds"})
    await tx.enter(project_id)
    await clustering.decided(tx, project_id)
    grouping: Grouping = await tx.scalar(select(Grouping).where(Grouping.project_id == project_id))
    entries = entries_of(grouping.clock_offsets)
    if camera not in entries:
        raise BadRequest(
            "This project has no such camera.",
            code="unknown_camera",
            details={"camera": camera, "cameras": sorted(entries)},
            remediation=["Read the project's grouping: it lists the cameras."],
        )
    entries[camera].manual_s = offset_seconds
    grouping.clock_offsets = column_of(entries)
    clocks = clocks_of(grouping.clock_offsets)
    told = [{"camera": clock.camera, "offsetSeconds": clock.offset_seconds} for clock in clocks]
    tx.emit(Change(EventName.PROJECT_UPDATED, project_id, (project_id,), {"grouping": {"clocks": told}}))
    return clocks
