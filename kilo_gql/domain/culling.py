"""Culling by hand: what a person says of photos, one or a hundred thousand, each call a step that can be undone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain import cull_log, picks, rating_changes
from kilo_gql.domain.rating_changes import Changes, RatingChange, checked
from kilo_gql.errors import BadRequest, NotFound
from kilo_gql.models import CullKind
from kilo_gql.operations import operation

#: Photos a refusal names.
NAMED: Final = 20

_TITLES: Final[dict[tuple[str, Any], str]] = {
    ("picked", True): "Pick {}",
    ("picked", False): "Unpick {}",
    ("rejected", True): "Reject {}",
    ("rejected", False): "Unreject {}",
    ("starred", True): "Star {}",
    ("starred", False): "Unstar {}",
    ("rating", False): "Unrate {}",
    ("notes", True): "Write a note on {}",
    ("notes", False): "Clear the note on {}",
}


@dataclass(frozen=True, slots=True)
class CullWish:
    """What to say of photos."""

    asset_ids: list[UUID]
    change: RatingChange

    @classmethod
    def of(cls, asset_id: UUID | None, asset_ids: list[UUID] | None, change: RatingChange) -> CullWish:
        """Of one photo, or of several. Raises BadRequest unless one of the two is given."""
        if (asset_id is None) == (asset_ids is None):
            raise BadRequest("Name one photo by assetId, or several by assetIds.", details={"field": "actions"})
        return cls([asset_id] if asset_id is not None else asset_ids or [], change)


@operation(Perm.CULL_APPLY, write=True)
async def apply_cull_action(tx: Tx, project_id: UUID, actions: list[CullWish]) -> list[UUID]:
    """Say something of each of many photos, a hundred thousand and more: all of it or nothing, one step to undo.

    Of several actions about one photo the later ones add to the earlier. Answers with the photos of which that was
    news. Raises NotFound ``assets_not_found`` with up to 20 of the ids that are not in the project.
    """
    wanted: dict[UUID, dict[str, Any]] = {}
    known: dict[RatingChange, dict[str, Any]] = {}  # of many photos, few different things are said
    for action in actions:
        if (values := known.get(action.change)) is None:
            values = known[action.change] = checked(action.change)
        for asset_id in action.asset_ids:
            wanted.setdefault(asset_id, {}).update(values)
    if not wanted:
        raise BadRequest("Name at least one photo.", details={"field": "actions"})
    await tx.enter(project_id)
    return list((await apply(tx, project_id, wanted)).ids)


async def apply(
    tx: Tx,
    project_id: UUID,
    wanted: Mapping[UUID, Mapping[str, Any]],
    *,
    kind: CullKind = CullKind.RATE,
    title: str | None = None,
    cluster_ids: Collection[UUID] = (),
    passing_over: bool = False,
    learnt: bool = True,
) -> Changes:
    """Say what is wanted of photos of an entered project, as one step of the actor; returns what it changed.

    ``wanted``: fields of a rating by photo. ``title``: of the step; None: what is said, of how many photos.
    ``passing_over``: ids that are not in the project are, instead of refused. ``learnt``: what is picked and rejected
    says something about the actor's taste.
    """
    await cull_log.turn(tx)
    known = await rating_changes.words(tx, project_id, wanted)
    if len(known) < len(wanted):
        if not passing_over:
            raise assets_not_found([id_ for id_ in wanted if id_ not in known])
        wanted = {id_: values for id_, values in wanted.items() if id_ in known}
    changes = await rating_changes.say(tx, project_id, wanted, known)
    news = set(changes.ids)
    if not news:
        return changes
    action_id = await cull_log.record(
        tx,
        project_id,
        kind=kind,
        title=title or titled([wanted[id_] for id_ in changes.ids]),
        asset_ids=changes.ids,
        cluster_ids=cluster_ids,
        focus=next(id_ for id_ in wanted if id_ in news),
        before={"ratings": changes.before},
        after={"ratings": changes.after},
    )
    if learnt and changes.choice:
        await picks.note(tx, action_id, project_id, changes.ids)
    return changes


def titled(wishes: Sequence[Mapping[str, Any]], subject: str | None = None) -> str:
    """A step in words: what is said, and of what (None: of how many photos)."""
    subject = subject or photos(len(wishes))
    values = dict(wishes[0])
    if any(wish != values for wish in wishes):
        return f"Cull {subject}"
    if len(values) > 1:  # what is said stands before what is taken back
        values = {name: value for name, value in values.items() if value not in (None, False)}
    if len(values) != 1:
        return f"Cull {subject}"
    [(name, value)] = values.items()
    if name == "rating" and value is not None:
        return f"Rate {subject} {value} of 5"
    return _TITLES[name, bool(value)].format(subject)


def photos(count: int) -> str:
    """So many photos."""
    return "1 photo" if count == 1 else f"{count:,} photos"


def assets_not_found(missing: Sequence[UUID]) -> NotFound:
    """Some of the photos that were named are not in the project."""
    return NotFound(
        f"{photos(len(missing)).capitalize()} of these cannot be found in the project; nothing was changed.",
        code="assets_not_found",
        details={"assetIds": [str(id_) for id_ in missing[:NAMED]], "count": len(missing)},
        remediation=["Read the list of photos again.", "Leave them out."],
    )
