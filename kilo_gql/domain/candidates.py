"""Which photos of a cluster are up for choice.

Of the files of one exposure only the original is, the first of its duplicate group. Frames of a kept set belong
together, and no one of them is better. What is in the trash keeps its place in a cluster that a person has closed, but
is no candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, func, literal, literal_column, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import Uuid

from kilo_gql.domain.cluster_reads import shown
from kilo_gql.models import Asset, Cluster, ClusterKind, ClusterMember

#: A file's place in the cluster that ``files`` is asked for, and that cluster. What is joined as a table lies in the
#: same project, as the foreign keys have it.
MEMBER: Final = ClusterMember
CLUSTER: Final[Any] = Cluster.__table__.alias("cluster")
_COPIES: Final[Any] = ClusterMember.__table__.alias("copies")
_BURST: Final[Any] = ClusterMember.__table__.alias("burst")
_KEPT: Final[Any] = Cluster.__table__.alias("kept")
_PHOTO: Final[Any] = Asset.__table__.alias("photo")


def among(column: Any, ids: Sequence[UUID]) -> ColumnElement[bool]:
    """The column is one of these: one parameter, however many they are."""
    return column == func.any(literal(list(ids), ARRAY(Uuid())))  # type: ignore[no-any-return]


def files() -> Select[*tuple[Any, ...]]:
    """Files of moments and bursts but for kept sets, by cluster and in order of time.

    ``exposure`` is a file's duplicate group, or the file itself; ``original`` says that it is the first of that which
    is there. Narrow it by ``MEMBER`` or ``CLUSTER``.
    """
    copies, burst, cluster = _COPIES.c, _BURST.c, CLUSTER.c
    exposure = func.coalesce(copies.cluster_id, MEMBER.asset_id)
    place = func.row_number().over(partition_by=(MEMBER.cluster_id, exposure), order_by=copies.place)
    return (
        select(
            MEMBER.cluster_id,
            MEMBER.asset_id,
            exposure.label("exposure"),
            (place == literal_column("1")).label("original"),
        )
        .join(CLUSTER, cluster.id == MEMBER.cluster_id)
        .join(_PHOTO, and_(_PHOTO.c.id == MEMBER.asset_id, shown(_PHOTO)))
        .outerjoin(_COPIES, and_(copies.asset_id == MEMBER.asset_id, copies.kind == ClusterKind.DUPLICATE_GROUP))
        .outerjoin(_BURST, and_(burst.asset_id == MEMBER.asset_id, burst.kind == ClusterKind.BURST))
        .outerjoin(_KEPT, and_(_KEPT.c.id == burst.cluster_id, _KEPT.c.kept_set.is_not(None)))
        .where(cluster.kept_set.is_(None), _KEPT.c.id.is_(None))
        .order_by(MEMBER.cluster_id, MEMBER.place)
    )


def units(asset_ids: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    """Ids of the clusters within which these photos are compared: the burst of each, else its moment."""
    place: Any = ClusterMember.__table__.alias("place").c
    innermost = (
        select(place.asset_id, place.cluster_id)
        .where(
            place.asset_id == func.any(asset_ids),
            or_(place.kind == ClusterKind.BURST, place.kind == ClusterKind.MOMENT),
        )
        .ext(distinct_on(place.asset_id))
        .order_by(place.asset_id, (place.kind == ClusterKind.BURST).desc())
        .subquery()
    )
    return select(innermost.c.cluster_id)
