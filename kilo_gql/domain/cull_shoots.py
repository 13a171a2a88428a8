"""What an automatic cull goes by: photos in their clusters, what is suggested, and what was said already."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Uuid, and_, bindparam, literal_column, select, text

from kilo_gql.db import Tx
from kilo_gql.domain.asset_reads import MINE, RATINGS
from kilo_gql.domain.cull_plans import Group, Photo, Ranked, Shoot
from kilo_gql.models import Asset, Cluster, ClusterKind, ClusterMember, Suggestion
from kilo_gql.models.assets import SHOWN
from kilo_gql.reads import Read
from kilo_gql.sight import viewer_id

# Plain tables: they join to an asset or a cluster by its id, so whoever may see that may see these rows of it.
_MEMBERS: Final[Any] = ClusterMember.__table__
_CLUSTERS: Final[Any] = Cluster.__table__
_MOMENT: Final = _MEMBERS.alias("moment")
_BURST: Final = _MEMBERS.alias("burst")
_COPIES: Final = _MEMBERS.alias("copies")
_PROJECT: Final = bindparam("project", type_=Uuid())


def _kind(kind: ClusterKind) -> Any:
    return literal_column(f"'{kind.value}'")


def _place(members: Any, kind: ClusterKind) -> Any:
    """A photo's place in a cluster of a kind. With the project, its rows are found at once, not one by one."""
    return and_(members.c.project_id == _PROJECT, members.c.asset_id == Asset.id, members.c.kind == _kind(kind))


_PHOTOS: Final = Read(
    select(
        Asset.id,
        _MOMENT.c.cluster_id.label("moment_id"),
        _BURST.c.cluster_id.label("burst_id"),
        _COPIES.c.cluster_id.label("copies_id"),
        _COPIES.c.place.label("place"),
        RATINGS.c.picked,
        RATINGS.c.rejected,
    )
    .select_from(Asset)
    .outerjoin(_MOMENT, _place(_MOMENT, ClusterKind.MOMENT))
    .outerjoin(_BURST, _place(_BURST, ClusterKind.BURST))
    .outerjoin(_COPIES, _place(_COPIES, ClusterKind.DUPLICATE_GROUP))
    .outerjoin(RATINGS, and_(RATINGS.c.project_id == _PROJECT, MINE))
    .where(Asset.project_id == _PROJECT, text(SHOWN))
    .order_by(_MOMENT.c.cluster_id, _MOMENT.c.place, Asset.sort_at, Asset.id),
    Photo,
)
_GROUPS: Final = Read(
    select(
        Cluster.id,
        Cluster.kept_set.is_not(None).label("kept_whole"),
        Cluster.reviewed_at.is_not(None).label("reviewed"),
        Cluster.winner_asset_id.label("winner_id"),
    )
    .where(Cluster.project_id == _PROJECT)
    .order_by(Cluster.sort_at, Cluster.id),
    Group,
)
_RANKED: Final = Read(
    select(Suggestion.cluster_id, Suggestion.asset_ids, Suggestion.probabilities)
    .join(_CLUSTERS, _CLUSTERS.c.id == Suggestion.cluster_id)
    .where(Suggestion.project_id == _PROJECT, _CLUSTERS.c.kind == _kind(ClusterKind.MOMENT))
    .order_by(Suggestion.user_id.nulls_first())  # one's own after everyone's, so that it is the one that stays
)


async def shoot(tx: Tx, project_id: UUID) -> Shoot:
    """A project that this transaction has entered, as the viewer sees it; three statements whatever its size."""
    photos = await _PHOTOS.rows(tx, project=project_id, me=viewer_id())
    groups = await _GROUPS.rows(tx, project=project_id)
    ranked = await _RANKED.rows(tx, project=project_id)
    return Shoot(
        photos,
        {group.id: group for group in groups},
        {row.cluster_id: Ranked(row.asset_ids, row.probabilities) for row in ranked},
    )
