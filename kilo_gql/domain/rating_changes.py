"""How what a person says of photos changes: as they wish it, and back to what it was.

A log of culling keeps such a change in two lists of groups, before and after: ``ids`` (in the first list: 16 bytes a
photo, base64) and the ``row`` that all of a group had or have, null where there was none.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, and_, bindparam, delete, func, literal, select

from kilo_gql.db import Tx
from kilo_gql.domain.assets import announce
from kilo_gql.errors import BadRequest
from kilo_gql.models import Asset, Rating
from kilo_gql.patch import UNSET, UnsetType, given
from kilo_gql.reads import Read
from kilo_gql.text import lines

NOTES_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class RatingChange:
    """What to say: a field left unset stays as it is, null takes back what was said. ``rating`` is 1 to 5."""

    rating: int | None | UnsetType = UNSET
    picked: bool | None | UnsetType = UNSET
    rejected: bool | None | UnsetType = UNSET
    starred: bool | None | UnsetType = UNSET
    notes: str | None | UnsetType = UNSET


class Word(NamedTuple):
    """What somebody says of a photo. ``from_file``: it came with the file."""

    rating: int | None = None
    picked: bool | None = None
    rejected: bool | None = None
    starred: bool | None = None
    notes: str | None = None
    from_file: bool = False


#: One group of a list.
Group = Mapping[str, Any]

_NOTHING: Final = Word()
_FIELDS: Final = Word._fields
# A plain table: it joins to an asset by its id, so whoever may see the asset may see their own rating of it.
_SAID: Final[Any] = Rating.__table__
_MINE: Final = and_(_SAID.c.asset_id == Asset.id, _SAID.c.user_id == bindparam("me", type_=Uuid()))
_WORDS: Final = Read(
    select(Asset.id, _SAID.c.asset_id.label("said"), *(_SAID.c[name] for name in _FIELDS))
    .select_from(Asset)
    .outerjoin(_SAID, _MINE)
    .where(
        Asset.project_id == bindparam("project_id", type_=Uuid()),
        Asset.id == func.any(bindparam("ids", type_=ARRAY(Uuid()))),
    )
)


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed: ``before`` and ``after`` are lists of groups. ``choice``: some of it was about picks or rejects."""

    ids: Sequence[UUID]
    before: list[Group]
    after: list[Group]
    choice: bool


def checked(change: RatingChange) -> dict[str, Any]:
    """The fields that a change gives. Raises BadRequest for what is no rating."""
    values = given(change)
    if (rating := values.get("rating")) is not None and not 1 <= rating <= 5:
        raise BadRequest("A rating is 1 to 5.", details={"field": "rating"}, remediation=["Use null for none."])
    if (notes := values.get("notes")) is not None:
        lines(notes, field="notes", limit=NOTES_MAX)
    return values


async def words(tx: Tx, project_id: UUID, ids: Collection[UUID]) -> dict[UUID, Word | None]:
    """What the actor says of those photos of ``ids`` that are in the project (None: nothing yet)."""
    found = await _WORDS.rows(tx, project_id=project_id, me=tx.user_id, ids=list(ids))
    return {row.id: None if row.said is None else Word(*(getattr(row, name) for name in _FIELDS)) for row in found}


async def say(
    tx: Tx, project_id: UUID, wanted: Mapping[UUID, Mapping[str, Any]], known: Mapping[UUID, Word | None]
) -> Changes:
    """Say of each photo what is wanted, and tell the project. ``known``: what has been said, of each of them."""
    turns: dict[UUID, tuple[Word | None, Word | None]] = {}
    told: dict[tuple[Any, ...], list[UUID]] = {}
    for id_ in sorted(wanted):
        new = (known[id_] or _NOTHING)._replace(**wanted[id_], from_file=False)
        if new != (known[id_] or _NOTHING):
            turns[id_] = known[id_], new
            told.setdefault(tuple(wanted[id_].items()), []).append(id_)
    await _write(tx, project_id, turns)
    for values, ids in told.items():
        _tell(tx, project_id, ids, dict(values))
    return _changes(turns)


async def put_back(
    tx: Tx, project_id: UUID, present: Sequence[Group], wanted: Sequence[Group], ids: Sequence[Group]
) -> tuple[list[UUID], list[UUID]]:
    """Turn what the groups of ``present`` say into what ``wanted`` says, where it still stands so.

    ``ids``: the list that names the photos. Returns the photos it changed, and those that have been spoken of since and
    are left alone.
    """
    targets = {
        id_: (_word(here["row"]), _word(there["row"]))
        for names, here, there in zip(ids, present, wanted, strict=True)
        for id_ in unpacked(names["ids"])
    }
    known = await words(tx, project_id, targets)
    turns = {id_: targets[id_] for id_ in sorted(known) if known[id_] == targets[id_][0]}
    kept = [id_ for id_ in sorted(known) if known[id_] not in targets[id_]]
    await _write(tx, project_id, turns)
    told: dict[tuple[Word | None, Word | None], list[UUID]] = {}
    for id_, turn in turns.items():
        told.setdefault(turn, []).append(id_)
    for (old, new), alike in told.items():
        _tell(tx, project_id, alike, _difference(old, new))
    return list(turns), kept


def packed(ids: Iterable[UUID]) -> str:
    """Ids in little room."""
    return base64.b64encode(b"".join(id_.bytes for id_ in ids)).decode()


def unpacked(text: str) -> list[UUID]:
    """The ids again."""
    data = base64.b64decode(text)
    return [UUID(bytes=data[at : at + 16]) for at in range(0, len(data), 16)]


async def _write(tx: Tx, project_id: UUID, turns: Mapping[UUID, tuple[Word | None, Word | None]]) -> None:
    common = {"project_id": project_id, "user_id": tx.user_id, "updated_at": tx.now}
    rows = [{**common, "asset_id": id_, **new._asdict()} for id_, (_, new) in turns.items() if new is not None]
    await tx.upsert(Rating, rows, changing=_FIELDS, stamp="updated_at")
    silent = [id_ for id_, (_, new) in turns.items() if new is None]
    if silent:
        own = Rating.project_id == project_id, Rating.user_id == tx.user_id
        gone = delete(Rating).where(*own, Rating.asset_id == func.any(literal(silent, ARRAY(Uuid()))))
        await tx.session.execute(gone.execution_options(synchronize_session=False))


def _changes(turns: Mapping[UUID, tuple[Word | None, Word | None]]) -> Changes:
    groups: dict[tuple[Word | None, Word | None], list[UUID]] = {}
    for id_, turn in turns.items():
        groups.setdefault(turn, []).append(id_)
    differences = (_difference(old, new) for old, new in groups)
    return Changes(
        list(turns),
        [{"ids": packed(ids), "row": _row(old)} for (old, _), ids in groups.items()],
        [{"row": _row(new)} for _, new in groups],
        any(not named.keys().isdisjoint(("picked", "rejected")) for named in differences),
    )


def _difference(old: Word | None, new: Word | None) -> dict[str, Any]:
    """The fields that differ, as they are now."""
    one, other = old or _NOTHING, new or _NOTHING
    names = (name for name in _FIELDS if name != "from_file")
    return {name: getattr(other, name) for name in names if getattr(one, name) != getattr(other, name)}


def _row(word: Word | None) -> dict[str, Any] | None:
    """Without the fields that are as in a row without words."""
    if word is None:
        return None
    return {name: value for name, value in word._asdict().items() if value != getattr(_NOTHING, name)}


def _word(row: Mapping[str, Any] | None) -> Word | None:
    return None if row is None else Word(**row)


def _tell(tx: Tx, project_id: UUID, ids: Sequence[UUID], values: Mapping[str, Any]) -> None:
    announce(tx, project_id, ids, {"rating": {"userId": str(tx.user_id), **values}})
