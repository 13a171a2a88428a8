"""Choosing for the photographer: a guest's answer to a list, sent once it is complete."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, select

from kilo_gql.access import Perm
from kilo_gql.codec import stored
from kilo_gql.db import Tx
from kilo_gql.domain import gallery_activity, gallery_proposals, sharing
from kilo_gql.domain.client_counts import ClientCount, tell_count
from kilo_gql.domain.guest_rows import arrive, require_session, require_shown, shown_assets
from kilo_gql.domain.guest_words import cleaned_message
from kilo_gql.domain.selection_lists import LISTS_MAX
from kilo_gql.domain.sharing import Entered
from kilo_gql.errors import Conflict, not_found
from kilo_gql.models import ActivityKind, GalleryAsset, SelectedAsset, Selection, SelectionList
from kilo_gql.operations import operation


class ListState(StrEnum):
    """May this guest still choose? SUBMITTED: they have sent their choice; OVER: the deadline has passed."""

    OPEN = "open"
    SUBMITTED = "submitted"
    OVER = "over"


@stored
@dataclass(frozen=True, slots=True)
class SharedList:
    """A list as a guest sees it; ``count``, ``state`` and ``submitted_at`` are theirs."""

    id: UUID
    title: str
    message: str | None
    min_count: int | None
    max_count: int | None
    deadline: datetime | None
    count: int
    state: ListState
    submitted_at: datetime | None


@operation(Perm.PUBLIC)
async def shared_lists(tx: Tx, slug: str) -> list[SharedList]:
    """What guests of a gallery are asked to choose, and how far this one has come; at most 20 lists."""
    return await lists_for(tx, await sharing.enter(tx, slug))


@operation(Perm.PUBLIC, write=True)
async def select_asset(tx: Tx, slug: str, list_id: UUID, asset_id: UUID, selected: bool) -> SharedList:
    """Put a photo into your choice for a list, or take it out; saying it twice changes nothing.

    Raises Conflict ``selection_full``, ``selection_submitted`` or ``selection_over``.
    """
    entered, wanted = await _enter_list(tx, slug, list_id)
    await require_shown(tx, entered.gallery.id, asset_id, lock=True)
    _check_open(tx, wanted, await _begin(tx, entered, list_id))
    chosen = await _chosen(tx, entered, list_id)
    if (asset_id in chosen) != selected:
        if selected:
            _check_room(wanted, len(chosen))
        await _turn(tx, entered, list_id, asset_id, selected)
    return await _the(tx, entered, list_id)


@operation(Perm.PUBLIC, write=True)
async def submit_selection(tx: Tx, slug: str, list_id: UUID, message: str | None = None) -> SharedList:
    """Send your choice to the photographer; from then on it stands until they open it again.

    Raises Conflict ``selection_incomplete``, ``selection_full``, ``selection_submitted`` or ``selection_over``.
    """
    words = cleaned_message(message)
    entered, wanted = await _enter_list(tx, slug, list_id)
    answer = await _begin(tx, entered, list_id)
    _check_open(tx, wanted, answer)
    chosen = await _chosen(tx, entered, list_id)
    _check_complete(wanted, len(chosen))
    answer.submitted_at, answer.message, answer.updated_at = tx.now, words, tx.now
    details = {"listId": str(list_id), "title": wanted.title, "count": len(chosen)}
    await gallery_activity.note(tx, entered, ActivityKind.SUBMITTED, details=details)
    gallery_activity.tell(tx, entered.gallery, {"choices": True})
    await gallery_proposals.note(tx, entered.gallery, sorted(chosen))
    return await _the(tx, entered, list_id)


async def lists_for(tx: Tx, entered: Entered) -> list[SharedList]:
    """The lists of the gallery that was entered, with this guest's answers."""
    guest_id = entered.guest.guest_id
    chosen = _shown_choice(func.count()).where(SelectedAsset.guest_id == guest_id)
    count = chosen.where(SelectedAsset.list_id == SelectionList.id).correlate(SelectionList).scalar_subquery()
    mine = (Selection.list_id == SelectionList.id) & (Selection.guest_id == guest_id)
    statement = (
        select(SelectionList, Selection.submitted_at, count.label("count"))
        .outerjoin(Selection, mine)
        .where(SelectionList.gallery_id == entered.gallery.id)
        .order_by(SelectionList.position, SelectionList.id)
        .limit(LISTS_MAX)
    )
    return [_shared(tx, row) for row in await tx.rows(statement)]


async def _the(tx: Tx, entered: Entered, list_id: UUID) -> SharedList:
    await tx.flush()
    return next(one for one in await lists_for(tx, entered) if one.id == list_id)


def _shared(tx: Tx, row: Any) -> SharedList:
    one: SelectionList = row.SelectionList
    state = ListState.OVER if one.deadline is not None and one.deadline <= tx.now else ListState.OPEN
    if row.submitted_at is not None:
        state = ListState.SUBMITTED
    return SharedList(
        one.id,
        one.title,
        one.message,
        one.min_count,
        one.max_count,
        one.deadline,
        row.count,
        state,
        row.submitted_at,
    )


async def _enter_list(tx: Tx, slug: str, list_id: UUID) -> tuple[Entered, SelectionList]:
    """What is chosen for a list is one person's answer, so it takes a session."""
    entered = await sharing.enter(tx, slug, acting=True)
    require_session(entered)
    wanted: SelectionList | None = await tx.scalar(
        select(SelectionList).where(SelectionList.id == list_id, SelectionList.gallery_id == entered.gallery.id)
    )
    if wanted is None:
        raise not_found("list")
    return entered, wanted


async def _chosen(tx: Tx, entered: Entered, list_id: UUID) -> set[UUID]:
    mine = _shown_choice(SelectedAsset.asset_id).where(
        SelectedAsset.list_id == list_id, SelectedAsset.guest_id == entered.guest.guest_id
    )
    return set(await tx.scalars(mine))


def _shown_choice(*columns: Any) -> Select[*tuple[Any, ...]]:
    """A statement over chosen photos that guests see: what nobody can take out again counts for nothing."""
    same = (SelectedAsset.gallery_id == GalleryAsset.gallery_id) & (SelectedAsset.asset_id == GalleryAsset.asset_id)
    return shown_assets(*columns).join(SelectedAsset, same)


async def _begin(tx: Tx, entered: Entered, list_id: UUID) -> Selection:
    """The guest's answer, held so that what they choose at the same moment is counted one after another."""
    await arrive(tx, entered)
    row = {
        "project_id": entered.gallery.project_id,
        "gallery_id": entered.gallery.id,
        "list_id": list_id,
        "guest_id": entered.guest.guest_id,
        "submitted_at": None,
        "message": None,
        "updated_at": tx.now,
    }
    await tx.insert(Selection, [row], ignore=True)
    mine = select(Selection).where(Selection.list_id == list_id, Selection.guest_id == entered.guest.guest_id)
    found: Selection = await tx.scalar(mine.with_for_update())
    return found


async def _turn(tx: Tx, entered: Entered, list_id: UUID, asset_id: UUID, selected: bool) -> None:
    """The photo goes into the answer, or out of it."""
    gallery, guest_id = entered.gallery, entered.guest.guest_id
    kind = ActivityKind.SELECTED if selected else ActivityKind.UNSELECTED
    await gallery_activity.note(tx, entered, kind, asset_id, {"listId": str(list_id)})
    if selected:
        row = {
            "project_id": gallery.project_id,
            "gallery_id": gallery.id,
            "list_id": list_id,
            "guest_id": guest_id,
            "asset_id": asset_id,
            "created_at": tx.now,
        }
        await tx.insert(SelectedAsset, [row], ignore=True)
    else:
        gone = delete(SelectedAsset).where(
            SelectedAsset.list_id == list_id,
            SelectedAsset.guest_id == guest_id,
            SelectedAsset.asset_id == asset_id,
        )
        await tx.session.execute(gone.execution_options(synchronize_session=False))
    await tell_count(tx, gallery.project_id, asset_id, ClientCount.SELECTIONS)


def _check_open(tx: Tx, wanted: SelectionList, answer: Selection) -> None:
    if answer.submitted_at is not None:
        raise Conflict(
            "This choice was sent already.",
            code="selection_submitted",
            details={"submittedAt": answer.submitted_at.isoformat()},
            remediation=["Ask the photographer to open it again."],
        )
    if wanted.deadline is not None and wanted.deadline <= tx.now:
        raise Conflict(
            "The time to choose is over.",
            code="selection_over",
            details={"deadline": wanted.deadline.isoformat()},
            remediation=["Ask the photographer for more time."],
        )


def _check_room(wanted: SelectionList, count: int) -> None:
    if wanted.max_count is not None and count >= wanted.max_count:
        raise _full(wanted, count)


def _check_complete(wanted: SelectionList, count: int) -> None:
    if wanted.max_count is not None and count > wanted.max_count:
        raise _full(wanted, count)
    if count < (wanted.min_count or 0):
        raise Conflict(
            f"Choose {wanted.min_count} photos at least; there are {count}.",
            code="selection_incomplete",
            details={"count": count, "min": wanted.min_count},
            remediation=["Choose more photos, and send the choice then."],
        )


def _full(wanted: SelectionList, count: int) -> Conflict:
    return Conflict(
        f"Choose {wanted.max_count} photos at most; there are {count}.",
        code="selection_full",
        details={"count": count, "max": wanted.max_count},
        remediation=["Take a photo out first."],
    )
