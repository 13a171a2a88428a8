"""Shoots that are grouped and measured, as rows, and people who decide about them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.db import Database, Tx
from kilo_gql.domain import picks
from kilo_gql.models import (
    Asset,
    AssetSignals,
    Cluster,
    ClusterKind,
    ClusterMember,
    Consent,
    ConsentPurpose,
    CullAction,
    CullKind,
    Project,
    Rating,
    Suggestion,
)
from kilo_gql.models.base import uuid7
from ml.signals import SIGNALS_VERSION
from tests.support.make import Make, asset_row

#: A photo in which nothing is wrong.
GOOD: dict[str, float | None] = {
    "sharpness": 0.9, "subject_sharpness": 0.9, "motion": 0.1, "motion_angle": None, "noise": 0.01, "brightness": 0.0,
    "exposure_error": 0.0, "back_light": 0.0, "range_ev": 6.0, "contrast": 0.6, "highlight_clip": 0.0,
    "highlight_clip_all": 0.0, "shadow_clip": 0.0, "shadow_clip_any": 0.0, "specular": 0.0, "colour": 20.0,
    "cast": 0.0, "cast_angle": None, "subject_size": 0.3, "centre_offset": 0.1, "tilt": None,
}  # fmt: skip
ROWS, COLUMNS = 4, 6


def signals_row(asset: Asset, tiles: Mapping[int, int] | None = None, **numbers: float | None) -> AssetSignals:
    """The signals of a photo that is ``GOOD`` but for these; ``tiles``: bytes of its map of sharpness by tile."""
    sharp = bytearray([100] * (ROWS * COLUMNS))
    for tile, value in (tiles or {}).items():
        sharp[tile] = value
    return AssetSignals(
        project_id=asset.project_id, asset_id=asset.id, signals_version=SIGNALS_VERSION, descriptors_version=1,
        signals={**GOOD, **numbers}, tile_rows=ROWS, tile_columns=COLUMNS,
        tiles=bytes(sharp) + bytes(2 * ROWS * COLUMNS), descriptors=b"", faces=None, face_models=None,
        measured_at=asset.ingested_at,
    )  # fmt: skip


class Culled:
    """A project with photos in clusters."""

    def __init__(self, db: Database, project: Project) -> None:
        self.db, self.project = db, project
        self.make = Make(db)

    @classmethod
    async def of(cls, db: Database, owner: UserActor) -> Culled:
        return cls(db, await Make(db).project(owner))

    async def photos(self, count: int, **columns: Any) -> list[Asset]:
        now = self.db.house.clock()
        made = [asset_row(self.project, f"IMG_{uuid7().hex[-8:]}.JPG", now, **columns) for _ in range(count)]
        await self.make.rows(*made)
        return made

    async def measure(self, asset: Asset, tiles: Mapping[int, int] | None = None, **numbers: float | None) -> None:
        await self.make.rows(signals_row(asset, tiles, **numbers))

    async def pairs(self, count: int) -> list[tuple[Cluster, Asset, Asset]]:
        """Moments of a dark frame and a bright one, which a photographer's taste must choose between."""
        photos = await self.photos(2 * count)
        await self.make.rows(*(signals_row(photo, brightness=float(n % 2)) for n, photo in enumerate(photos)))
        pairs = zip(photos[::2], photos[1::2], strict=True)
        return [(await self.cluster([dark, bright]), dark, bright) for dark, bright in pairs]

    async def cluster(self, photos: Sequence[Asset], kind: ClusterKind = ClusterKind.MOMENT, **columns: Any) -> Cluster:
        """A cluster of these photos, in order of time."""
        now = self.db.house.clock()
        made = Cluster(
            id=uuid7(), project_id=self.project.id, kind=kind, sort_at=now, size=len(photos), set_evidence={},
            updated_at=now, created_at=now, **columns,
        )  # fmt: skip
        members = [
            ClusterMember(
                project_id=self.project.id, asset_id=photo.id, kind=kind, cluster_id=made.id, place=place,
                link_reasons=0,
            )
            for place, photo in enumerate(photos)
        ]  # fmt: skip
        await self.make.rows(made, *members)
        return made

    async def suggest(
        self, cluster: Cluster, order: Sequence[Asset], probabilities: Sequence[float], **columns: Any
    ) -> Suggestion:
        made = Suggestion(
            id=uuid7(), project_id=self.project.id, cluster_id=cluster.id, asset_ids=[photo.id for photo in order],
            scores=[0.0] * len(order), probabilities=list(probabilities), basis=b"", made_at=self.db.house.clock(),
            **{"band": "middle", "chips": [], **columns},
        )  # fmt: skip
        await self.make.rows(made)
        return made

    async def consent(self, user: UserActor, since: datetime | None = None) -> Consent:
        """Leave to learn from what ``user`` picks, since yesterday or from a moment on."""
        made = Consent(
            id=uuid7(), user_id=user.user_id, purpose=ConsentPurpose.PERSONAL_RANKING,
            granted_at=since or self.db.house.clock() - timedelta(days=1),
        )  # fmt: skip
        await self.make.rows(made)
        return made

    @asynccontextmanager
    async def acting(self, user: UserActor) -> AsyncIterator[Tx]:
        """A transaction of somebody who culls this project."""
        async with self.db.transaction(user, Perm.CULL_APPLY) as tx:
            await tx.enter(self.project.id)
            yield tx
            await tx.write_outbox()
            await tx.session.commit()

    async def decide(
        self, user: UserActor, said: Mapping[UUID, Mapping[str, bool | None]], cluster: Cluster | None = None
    ) -> UUID:
        """One action: what ``user`` says of photos by id; ``cluster``: the first of them is its winner. Its id."""
        async with self.acting(user) as tx:
            now, first = tx.now, next(iter(said), None)
            action = CullAction(
                id=uuid7(), project_id=self.project.id, user_id=user.user_id, at=now, kind=CullKind.RATE, title="",
                asset_ids=list(said), asset_count=len(said), cluster_ids=[], before={}, after={},
            )  # fmt: skip
            tx.add(action)
            for words in sorted({tuple(sorted(word)) for word in said.values()}):
                rows = [
                    {
                        "project_id": self.project.id, "asset_id": id_, "user_id": user.user_id, "updated_at": now,
                        "from_file": False, **word,
                    }
                    for id_, word in said.items()
                    if tuple(sorted(word)) == words
                ]  # fmt: skip
                await tx.upsert(Rating, rows, changing=words, stamp="updated_at")
            if cluster is not None:
                row = await tx.get(Cluster, cluster.id)
                row.winner_asset_id = first
            await picks.note(
                tx, action.id, self.project.id, list(said), cluster_id=cluster.id if cluster is not None else None
            )
        return action.id

    async def undo(self, user: UserActor, action_id: UUID) -> None:
        async with self.acting(user) as tx:
            await picks.withdraw(tx, action_id)

    async def redo(self, user: UserActor, action_id: UUID) -> None:
        async with self.acting(user) as tx:
            await picks.reinstate(tx, action_id)

    async def rows(self, model: Any, *conditions: Any) -> list[Any]:
        """Rows of a table in the order of their keys, as the system sees them."""
        async with self.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
            return list(await tx.scalars(select(model).where(*conditions).order_by(*model.__table__.primary_key)))
