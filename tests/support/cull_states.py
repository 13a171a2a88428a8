"""What undo must bring back: everything that culling changes, but for the times at which rows were last written."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select

from kilo_gql.access import Perm, System
from kilo_gql.db import Database
from kilo_gql.models import Cluster, ClusterMember, CullAction, CullState, Pick, Rating

State = dict[str, list[dict[str, Any]]]


async def state(db: Database, project_id: UUID) -> State:
    """Ratings, clusters, their members, decisions in force and picks in force, row by row."""
    async with db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        found: State = {}
        for model in (Rating, Cluster, ClusterMember):
            statement = select(model).where(model.project_id == project_id).order_by(*model.__table__.primary_key)
            found[model.__tablename__] = [_columns(row) for row in await tx.scalars(statement)]
        decided = select(CullAction.id, CullAction.decision).where(
            CullAction.project_id == project_id, CullAction.state == CullState.DONE, CullAction.decision.is_not(None)
        )
        found["decisions"] = [row._asdict() for row in await tx.rows(decided.order_by(CullAction.seq))]
        picks = select(Pick).where(Pick.project_id == project_id, Pick.in_force).order_by(Pick.id)
        found["picks"] = [_columns(row) for row in await tx.scalars(picks)]
        return found


async def steps(db: Database, project_id: UUID) -> int:
    """How many steps there are in a project, whatever their state."""
    async with db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        return len(await tx.scalars(select(CullAction.id).where(CullAction.project_id == project_id)))


def _columns(row: Any) -> dict[str, Any]:
    columns = row.__table__.c
    return {column.key: getattr(row, column.key) for column in columns if column.key != "updated_at"}
