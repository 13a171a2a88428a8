"""One asset: look at it, and change what people say about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.asset_reads import details, rows
from kilo_gql.domain.asset_rows import DERIVED_FLAGS, AssetDetail, AssetRow
from kilo_gql.errors import BadRequest, not_found
from kilo_gql.events import MAX_IDS, Change, EventName
from kilo_gql.models import Asset, Job, JobStatus
from kilo_gql.operations import operation
from kilo_gql.patch import UNSET, UnsetType, given
from kilo_gql.text import lines, one_line

TITLE_MAX: Final = 500
TEXT_MAX: Final = 10_000
LABEL_MAX: Final = 64
KEYWORD_MAX: Final = 200
KEYWORDS_MAX: Final = 500
FLAGS_MAX: Final = 32
FLAG_NAME_MAX: Final = 64
FLAG_TEXT_MAX: Final = 500
#: Bytes of JSON.
IPTC_MAX: Final = 64 * 1024
#: Files joined to one photo that are shown with it, and failed jobs.
COMPANIONS_MAX: Final = 20
FAILED_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class AssetChange:
    """What is to change; fields left unset stay as they are.

    ``iptc`` and ``flags`` are merge patches (RFC 7396): what they name is set, null removes it, the rest stays.
    """

    title: str | None | UnsetType = UNSET
    description: str | None | UnsetType = UNSET
    keywords: list[str] | UnsetType = UNSET
    notes: str | None | UnsetType = UNSET
    label: str | None | UnsetType = UNSET
    iptc: Mapping[str, Any] | UnsetType = UNSET
    flags: Mapping[str, Any] | UnsetType = UNSET


@operation(Perm.ASSET_READ)
async def get_asset(tx: Tx, asset_id: UUID) -> AssetDetail:
    """One asset, whatever its state, with all that is known of it."""
    found = (await details(tx, [asset_id])).get(asset_id)
    if found is None:
        raise not_found("asset")
    return found


@operation(Perm.ASSET_UPDATE, write=True)
async def update_asset(tx: Tx, asset_id: UUID, change: AssetChange) -> AssetDetail:
    """Change an asset's title, description, keywords, notes, colour label, IPTC fields or flags.

    The files stay as they are: these are words about them. Raises BadRequest ``flag_reserved`` for a derived flag.
    """
    asset = await tx.get(Asset, asset_id, lock=True)
    values = {name: _CHECKS[name](value) for name, value in given(change).items()}
    for name in values.keys() & _PATCHES.keys():
        values[name] = _PATCHES[name](merged(getattr(asset, name), values[name]))
    changed = {name: value for name, value in values.items() if getattr(asset, name) != value}
    for name, value in changed.items():
        setattr(asset, name, value)
    if changed:
        asset.updated_at = tx.now
        wanted = given(change)
        patch = {name: wanted[name] if name in _PATCHES else value for name, value in changed.items()}
        announce(tx, asset.project_id, [asset_id], patch)
        await tx.flush()
    return (await details(tx, [asset_id]))[asset_id]


@operation(Perm.ASSET_READ)
async def details_by_asset(tx: Tx, ids: list[UUID]) -> list[AssetDetail | None]:
    """Everything about each asset, in the order asked for; None for those the actor cannot see."""
    found = await details(tx, ids)
    return [found.get(id_) for id_ in ids]


@operation(Perm.ASSET_READ)
async def assets_by_id(tx: Tx, ids: list[UUID]) -> list[AssetRow | None]:
    """Each asset as lists show it, in the order asked for; None for those the actor cannot see."""
    found = await rows(tx, ids)
    return [found.get(id_) for id_ in ids]


@operation(Perm.ASSET_READ)
async def companions_by_asset(tx: Tx, ids: list[UUID]) -> list[list[AssetRow]]:
    """The other files of each photo (the JPEG of a pair, sidecars), oldest first, in the order asked for."""
    joined = await tx.rows(
        select(Asset.id, Asset.parent_id).where(Asset.parent_id.in_(ids), Asset.trashed_at.is_(None)).order_by(Asset.id)
    )
    found = await rows(tx, [row.id for row in joined]) if joined else {}
    return [[found[row.id] for row in joined if row.parent_id == id_][:COMPANIONS_MAX] for id_ in ids]


@operation(Perm.JOB_READ)
async def failed_jobs_by_asset(tx: Tx, ids: list[UUID]) -> list[list[Job]]:
    """The failed jobs about each asset, newest first, in the order asked for."""
    statement = select(Job).where(Job.asset_id.in_(ids), Job.status == JobStatus.FAILED).order_by(Job.id.desc())
    found: Sequence[Job] = await tx.scalars(statement)
    return [[job for job in found if job.asset_id == id_][:FAILED_MAX] for id_ in ids]


def announce(tx: Tx, project_id: UUID, ids: Sequence[UUID], changed: Mapping[str, Any]) -> None:
    """Tell a project that the same changed on some of its assets."""
    for start in range(0, len(ids), MAX_IDS):
        tx.emit(Change(EventName.ASSET_UPDATED, project_id, tuple(ids[start : start + MAX_IDS]), changed))


def merged(target: Any, patch: Any) -> Any:
    """A JSON value after a merge patch (RFC 7396)."""
    if not isinstance(patch, Mapping):
        return patch
    kept = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = merged(kept.get(name), value)
    return kept


# --- what may be said ------------------------------------------------------------------------------------------------


def _line(field: str, limit: int) -> Callable[[Any], Any]:
    return lambda value: value if value is None else one_line(value, field=field, limit=limit)


def _lines(field: str) -> Callable[[Any], Any]:
    return lambda value: value if value is None else lines(value, field=field, limit=TEXT_MAX)


def _keywords(value: Sequence[str]) -> list[str]:
    words = list(dict.fromkeys(one_line(word, field="keywords", limit=KEYWORD_MAX) for word in value))
    if len(words) > KEYWORDS_MAX:
        raise BadRequest(f"An asset has at most {KEYWORDS_MAX} keywords.", details={"field": "keywords"})
    return words


def _object(field: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise BadRequest(f"{field} is a JSON object.", details={"field": field})
        return value

    return check


def _own_flags(patch: Any) -> Mapping[str, Any]:
    flags: Mapping[str, Any] = _object("flags")(patch)
    reserved = sorted(flags.keys() & set(DERIVED_FLAGS))
    if reserved:
        raise BadRequest(
            f"{reserved[0]} follows from what is; it cannot be set.",
            code="flag_reserved",
            details={"flags": reserved},
            remediation=["Choose another name.", "Leave out the flags that the asset came with."],
        )
    for name, value in flags.items():
        one_line(name, field="flags", limit=FLAG_NAME_MAX)
        if isinstance(value, str):
            lines(value, field="flags", limit=FLAG_TEXT_MAX)
        elif not _scalar(value):
            raise BadRequest("A flag is a text, a number, true or false.", details={"field": "flags", "flag": name})
    return flags


def _scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool) or (isinstance(value, int | float) and math.isfinite(value))


def _few_flags(flags: dict[str, Any]) -> dict[str, Any]:
    if len(flags) > FLAGS_MAX:
        raise BadRequest(f"An asset has at most {FLAGS_MAX} flags of its own.", details={"field": "flags"})
    return flags


def _small_iptc(iptc: dict[str, Any]) -> dict[str, Any]:
    try:
        size = len(orjson.dumps(iptc))
    except orjson.JSONEncodeError as error:  # a number or a text that JSON does not know
        raise BadRequest("These IPTC fields cannot be stored.", details={"field": "iptc"}) from error
    if size > IPTC_MAX:
        raise BadRequest(f"IPTC fields have at most {IPTC_MAX:,} bytes.", details={"field": "iptc", "bytes": size})
    return iptc


_CHECKS: Final[dict[str, Callable[[Any], Any]]] = {
    "title": _line("title", TITLE_MAX),
    "description": _lines("description"),
    "keywords": _keywords,
    "notes": _lines("notes"),
    "label": _line("label", LABEL_MAX),
    "iptc": _object("iptc"),
    "flags": _own_flags,
}
_PATCHES: Final[dict[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {"iptc": _small_iptc, "flags": _few_flags}
