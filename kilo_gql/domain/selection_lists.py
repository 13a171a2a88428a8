"""What guests are asked to choose: the lists of a gallery, as their photographer sets them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain import gallery_activity, gallery_proposals
from kilo_gql.domain.guest_words import cleaned_message
from kilo_gql.errors import BadRequest, Conflict, not_found
from kilo_gql.models import Gallery, SelectedAsset, Selection, SelectionList
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation
from kilo_gql.text import one_line

LISTS_MAX: Final = 20
TITLE_MAX: Final = 100
#: The most photos that a bound may name: what a gallery holds.
COUNT_MAX: Final = 5_000


@dataclass(frozen=True, slots=True)
class NewSelectionList:
    """A list as it begins; None: no such bound."""

    title: str
    message: str | None = None
    min_count: int | None = None
    max_count: int | None = None
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True)
class SelectionListChange:
    """What is to change; what is left out stays as it is."""

    title: str | msgspec.UnsetType = msgspec.UNSET
    message: str | None | msgspec.UnsetType = msgspec.UNSET
    min_count: int | None | msgspec.UnsetType = msgspec.UNSET
    max_count: int | None | msgspec.UnsetType = msgspec.UNSET
    deadline: datetime | None | msgspec.UnsetType = msgspec.UNSET
    position: int | msgspec.UnsetType = msgspec.UNSET


@operation(Perm.GALLERY_READ)
async def list_selection_lists(tx: Tx, gallery_id: UUID) -> list[SelectionList]:
    """The lists of a gallery in their order; at most 20."""
    await tx.get(Gallery, gallery_id)
    return await lists_of(tx, gallery_id)


@operation(Perm.GALLERY_MANAGE, write=True)
async def create_selection_list(tx: Tx, gallery_id: UUID, new: NewSelectionList) -> SelectionList:
    """Ask the guests of a gallery for a choice. Raises Conflict ``too_many_lists`` beyond 20."""
    gallery = await tx.get(Gallery, gallery_id, lock=True)
    there = await lists_of(tx, gallery_id)
    if len(there) >= LISTS_MAX:
        raise Conflict(
            f"A gallery has at most {LISTS_MAX} lists.",
            code="too_many_lists",
            details={"max": LISTS_MAX},
            remediation=["Delete a list first."],
        )
    values = _checked({field.name: getattr(new, field.name) for field in fields(new)})
    _check_bounds(values["min_count"], values["max_count"])
    position = max((one.position for one in there), default=-1) + 1
    made = SelectionList(
        id=uuid7(), project_id=gallery.project_id, gallery_id=gallery_id, position=position, created_at=tx.now, **values
    )
    gallery_activity.tell(tx, gallery, {"choices": True})
    return tx.add(made)


@operation(Perm.GALLERY_MANAGE, write=True)
async def update_selection_list(tx: Tx, gallery_id: UUID, list_id: UUID, change: SelectionListChange) -> SelectionList:
    """Change what a list asks for. What was chosen stays, also where there is more of it than may be from now on."""
    gallery, found = await the_list(tx, gallery_id, list_id)
    given = {field.name: getattr(change, field.name) for field in fields(change)}
    values = _checked({name: value for name, value in given.items() if value is not msgspec.UNSET})
    _check_bounds(values.get("min_count", found.min_count), values.get("max_count", found.max_count))
    for name, value in values.items():
        setattr(found, name, value)
    gallery_activity.tell(tx, gallery, {"choices": True})
    return found


@operation(Perm.GALLERY_MANAGE, write=True)
async def delete_selection_list(tx: Tx, gallery_id: UUID, list_id: UUID) -> None:
    """Delete a list with everything that was chosen for it."""
    gallery, found = await the_list(tx, gallery_id, list_id)
    chosen = select(SelectedAsset.asset_id).where(SelectedAsset.list_id == list_id).distinct()
    asset_ids = await tx.scalars(chosen)
    await tx.delete(found)
    await _told(tx, gallery, asset_ids)


@operation(Perm.GALLERY_MANAGE, write=True)
async def reopen_selection(tx: Tx, gallery_id: UUID, list_id: UUID, guest_id: UUID) -> Selection:
    """Let a guest choose again after they have sent their choice; one that was not sent is open already."""
    gallery, _ = await the_list(tx, gallery_id, list_id)
    found: Selection | None = await tx.scalar(
        select(Selection).where(Selection.list_id == list_id, Selection.guest_id == guest_id).with_for_update()
    )
    if found is None:
        raise not_found("selection")
    if found.submitted_at is not None:
        found.submitted_at, found.updated_at = None, tx.now
        chosen = select(SelectedAsset.asset_id).where(
            SelectedAsset.list_id == list_id, SelectedAsset.guest_id == guest_id
        )
        await _told(tx, gallery, await tx.scalars(chosen))
    return found


async def _told(tx: Tx, gallery: Gallery, asset_ids: Sequence[UUID]) -> None:
    """What was sent counts no more: tell so, and what was proposed because of it goes."""
    gallery_activity.tell(tx, gallery, {"choices": True})
    if asset_ids:
        await gallery_proposals.note(tx, gallery, asset_ids)


async def lists_of(tx: Tx, gallery_id: UUID) -> list[SelectionList]:
    """The lists of a gallery in their order."""
    statement = (
        select(SelectionList)
        .where(SelectionList.gallery_id == gallery_id)
        .order_by(SelectionList.position, SelectionList.id)
        .limit(LISTS_MAX)
    )
    return list(await tx.scalars(statement))


async def the_list(tx: Tx, gallery_id: UUID, list_id: UUID) -> tuple[Gallery, SelectionList]:
    """A list of this gallery, and the right of this operation to work on it. Raises NotFound."""
    gallery = await tx.get(Gallery, gallery_id)
    found: SelectionList | None = await tx.scalar(
        select(SelectionList).where(SelectionList.gallery_id == gallery_id, SelectionList.id == list_id)
    )
    if found is None:
        raise not_found("list")
    return gallery, found


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """The values as they are kept. Raises BadRequest."""
    if "title" in values:
        values["title"] = one_line(values["title"], field="title", limit=TITLE_MAX)
    if "message" in values:
        values["message"] = cleaned_message(values["message"])
    deadline: datetime | None = values.get("deadline")
    if deadline is not None and deadline.tzinfo is None:
        raise BadRequest("Say in which time zone the deadline is.", details={"field": "deadline"})
    if not 0 <= values.get("position", 0) <= LISTS_MAX:
        raise BadRequest(f"A position is 0 to {LISTS_MAX}.", details={"field": "position"})
    return values


def _check_bounds(least: int | None, most: int | None) -> None:
    if (least is not None and not 0 <= least <= COUNT_MAX) or (most is not None and not 1 <= most <= COUNT_MAX):
        raise BadRequest(f"A list asks for at most {COUNT_MAX:,} photos.", details={"field": "maxCount"})
    if least is not None and most is not None and least > most:
        raise BadRequest("The least number is greater than the greatest.", details={"field": "minCount"})
