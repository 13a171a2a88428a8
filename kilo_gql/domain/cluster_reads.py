"""How clusters are read: one statement for everything that is shown of them, with their photos and what is suggested.

Photos in the trash, quarantined ones and halves of a pair are left out, whatever the last grouping knew of them; a
cluster without enough photos to be one is not shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import (
    ARRAY,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from kilo_gql.db import Tx
from kilo_gql.domain.cluster_rows import ClusterAsset, ClusterDetail, ClusterLink, ClusterRow
from kilo_gql.models import Asset, AssetSignals, AssetStatus, Cluster, ClusterKind, ClusterMember, Suggestion
from kilo_gql.reads import LightRow, Read
from kilo_gql.sight import viewer_id

# Plain tables: they join to a cluster by its id, so whoever may see the cluster may see these rows of it.
_MEMBERS: Final[Any] = ClusterMember.__table__
_ASSETS: Final[Any] = Asset.__table__
_SIGNALS: Final[Any] = AssetSignals.__table__
_SUGGESTIONS: Final[Any] = Suggestion.__table__
_SUGGESTION: Final = (
    "asset_ids",
    "scores",
    "probabilities",
    "band",
    "chips",
    "rest",
    "rest_margin",
    "user_id",
    "made_at",
)
_ME: Final = bindparam("me", type_=Uuid())


def _literal(value: str) -> Any:
    return literal_column(f"'{value}'")


def shown(assets: Any) -> Any:
    """The photos that clusters are made of, as a condition on a table of assets: those that are ready and shown."""
    return and_(
        assets.c.trashed_at.is_(None),
        assets.c.parent_id.is_(None),
        assets.c.status == _literal(AssetStatus.READY.value),
        assets.c.format.is_distinct_from(_literal("xmp")),
    )


_PHOTOS: Final = (
    select(func.array_agg(aggregate_order_by(_MEMBERS.c.asset_id, _MEMBERS.c.place), type_=ARRAY(Uuid())).label("ids"))
    .select_from(_MEMBERS.join(_ASSETS, _ASSETS.c.id == _MEMBERS.c.asset_id))
    .where(_MEMBERS.c.cluster_id == Cluster.id, shown(_ASSETS))
    .correlate(Cluster)
    .lateral("photos")
)
_SUGGESTED: Final = (
    select(*(_SUGGESTIONS.c[name] for name in _SUGGESTION))
    .where(
        _SUGGESTIONS.c.cluster_id == Cluster.id,
        or_(_SUGGESTIONS.c.user_id.is_(None), _SUGGESTIONS.c.user_id == _ME),
        Cluster.kept_set.is_(None),
    )
    .order_by(_SUGGESTIONS.c.user_id.nulls_last())
    .limit(literal_column("1"))
    .correlate(Cluster)
    .lateral("suggested")
)
_ENOUGH: Final = case((Cluster.kind == _literal(ClusterKind.MOMENT.value), 1), else_=2)
_COLUMNS: Final[dict[str, Any]] = {
    "decided_winner_id": Cluster.winner_asset_id,
    "evidence": cast(Cluster.set_evidence, Text),
    "asset_ids": _PHOTOS.c.ids,
    "suggested_ids": _SUGGESTED.c.asset_ids,
    "suggested_scores": _SUGGESTED.c.scores,
    "suggested_probabilities": _SUGGESTED.c.probabilities,
    "suggested_band": _SUGGESTED.c.band,
    "suggested_chips": cast(_SUGGESTED.c.chips, Text),
    "suggested_rest": _SUGGESTED.c.rest,
    "suggested_rest_margin": _SUGGESTED.c.rest_margin,
    "suggested_for": _SUGGESTED.c.user_id,
    "suggested_at": _SUGGESTED.c.made_at,
}


def seen() -> Select[Any]:
    """The select of cluster rows, with the parameters that ``viewer`` gives."""
    columns = [
        _COLUMNS[name].label(name) if name in _COLUMNS else getattr(Cluster, name)
        for name in ClusterRow.__struct_fields__
    ]
    return (
        select(*columns)
        .select_from(Cluster)
        .join(_PHOTOS, true())
        .outerjoin(_SUGGESTED, true())
        .where(func.cardinality(_PHOTOS.c.ids) >= _ENOUGH)
    )


def viewer() -> dict[str, Any]:
    """Whose suggestions are shown."""
    return {"me": viewer_id()}


_IDS: Final = bindparam("ids", type_=ARRAY(Uuid()))
_ROWS: Final = Read(seen().where(Cluster.id == func.any(_IDS)), ClusterRow)


async def rows(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, ClusterRow]:
    """Those clusters of ``ids`` that the actor can see, by id."""
    return {row.id: row for row in await _ROWS.rows(tx, ids=list(ids), **viewer())}


# --- what is in a cluster --------------------------------------------------------------------------------------------

_CONTENT: Final = Read(
    select(
        ClusterMember.cluster_id,
        ClusterMember.asset_id,
        ClusterMember.link_asset_id,
        ClusterMember.link_gap_s,
        ClusterMember.link_look,
        ClusterMember.link_score,
        ClusterMember.link_reasons,
        cast(_SIGNALS.c.signals, Text).label("signals"),
    )
    .select_from(ClusterMember)
    .outerjoin(_SIGNALS, _SIGNALS.c.asset_id == ClusterMember.asset_id)
    .where(ClusterMember.cluster_id == func.any(_IDS))
    .order_by(ClusterMember.cluster_id, ClusterMember.place)
)


async def details(tx: Tx, found: Mapping[UUID, ClusterRow]) -> dict[UUID, ClusterDetail]:
    """These clusters with their photos' signals and links, by id; one statement."""
    content: dict[UUID, list[LightRow]] = {id_: [] for id_ in found}
    for member in await _CONTENT.rows(tx, ids=list(found)):
        content[member.cluster_id].append(member)
    return {id_: _detail(row, content[id_]) for id_, row in found.items()}


def _detail(row: ClusterRow, members: Sequence[Any]) -> ClusterDetail:
    there = set(row.asset_ids)
    links = [
        ClusterLink(
            member.link_asset_id,
            member.asset_id,
            member.link_gap_s,
            member.link_look,
            member.link_score,
            member.link_reasons,
        )
        for member in members
        if member.link_asset_id in there and member.asset_id in there
    ]
    measured = {m.asset_id: orjson.loads(m.signals) for m in members if m.signals is not None and m.asset_id in there}
    ranked = [
        ClusterAsset(one.asset_id, one.rank, one.role, signals)
        for one, signals in zip(row.assets, _compared(row.assets, measured, links), strict=True)
    ]
    columns = {name: getattr(row, name) for name in ClusterRow.__struct_fields__}
    return ClusterDetail(**columns, ranked=ranked, links=links)


def _compared(
    assets: Sequence[ClusterAsset], measured: Mapping[UUID, dict[str, Any]], links: Sequence[ClusterLink]
) -> list[dict[str, Any]]:
    """Each photo's signals, with ``blur`` and ``redundancy``; nothing for one that is not measured."""
    sharpness = [value for signals in measured.values() if (value := signals.get("sharpness")) is not None]
    sharpest = max(sharpness, default=0.0)
    likeness: dict[UUID, float] = {}
    for link in links:
        for id_ in (link.source, link.to) if link.look is not None else ():
            likeness[id_] = max(likeness.get(id_, 0.0), link.look or 0.0)
    answer: list[dict[str, Any]] = []
    for one in assets:
        signals = measured.get(one.asset_id)
        if signals is None:
            answer.append({})
            continue
        own = signals.get("sharpness")
        blur = None if own is None or sharpest <= 0 else min(1.0, max(0.0, 1 - own / sharpest))
        redundancy = likeness.get(one.asset_id)
        answer.append({**signals, "blur": blur, "redundancy": redundancy})
    return answer
