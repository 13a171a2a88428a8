"""Makes rows by intent, as the system, past the doors."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.db import Database
from kilo_gql.models import (
    Asset,
    AssetFile,
    AssetSignals,
    AssetStatus,
    Base,
    FileKind,
    Job,
    JobStatus,
    Member,
    Project,
    ProjectStatus,
    Queue,
    Rating,
    Role,
    Session,
    SessionKind,
    User,
)
from kilo_gql.models.base import uuid7

_numbers = count(1)


def asset_row(project: Project, filename: str, now: datetime, **columns: Any) -> Asset:
    """An asset that is ready, as a row that is not written yet."""
    ready = {
        "status": AssetStatus.READY,
        "format": "jpeg",
        "stem": filename.lower().partition(".")[0],
        "added_by": project.owner_user_id,
        "ingested_at": now,
        "updated_at": now,
        "created_at": now,
        "preview_ready": True,
        "metadata_ready": True,
    }
    return Asset(id=uuid7(), project_id=project.id, filename=filename, **{**ready, **columns})


def signals_row(asset: Asset, now: datetime, sharpness: float | None = 1.0, **columns: Any) -> AssetSignals:
    """What was measured in an asset: a sharpness, 1 x 2 tiles, and nothing else that could be told."""
    measured = {
        "signals_version": 1, "descriptors_version": 1, "signals": {"sharpness": sharpness}, "tile_rows": 1,
        "tile_columns": 2, "tiles": bytes(6), "descriptors": b"", "faces": None, "face_models": None,
        "measured_at": now,
    }  # fmt: skip
    return AssetSignals(project_id=asset.project_id, asset_id=asset.id, **{**measured, **columns})


class Make:
    """``await make.user()``, ``await make.project(owner=…)``: everything not named gets a sensible value."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def rows(self, *rows: Base) -> None:
        async with self.db.transaction(System("test"), Perm.SYSTEM) as tx:
            for row in rows:
                tx.add(row)
                await tx.flush()
            await tx.session.commit()

    async def user(self, email: str | None = None, name: str = "Ada") -> UserActor:
        """A signed-in person."""
        now = self.db.house.clock()
        user = User(id=uuid7(), email=email or f"user{next(_numbers)}@example.org", display_name=name)
        session = Session(
            id=uuid7(),
            user_id=user.id,
            kind=SessionKind.TOKENS,
            last_seen_at=now,
            expires_at=now + timedelta(days=30),
        )
        await self.rows(user, session)
        return UserActor(user.id, session.id)

    async def project(self, owner: UserActor, title: str = "Wedding", **columns: Any) -> Project:
        now = self.db.house.clock()
        project = Project(
            id=uuid7(), owner_user_id=owner.user_id, title=title, updated_at=now, created_at=now,
            **{"status": ProjectStatus.ACTIVE, **columns},
        )  # fmt: skip
        await self.rows(project, Member(project_id=project.id, user_id=owner.user_id, role=Role.OWNER))
        return project

    async def job(self, project_id: UUID, status: JobStatus, **columns: Any) -> Job:
        now = self.db.house.clock()
        job = Job(
            id=uuid7(), project_id=project_id, status=status, created_at=now, updated_at=now,
            **{"type": "drill", "queue": Queue.CPU, "priority": 10, "turn": 1, "arguments": {}, **columns},
        )  # fmt: skip
        await self.rows(job)
        return job

    async def asset(self, project: Project, filename: str | None = None, **columns: Any) -> Asset:
        """A photo that is ready; ``status``, ``captured_at`` and all other columns can be named."""
        asset = asset_row(project, filename or f"IMG_{next(_numbers):04}.JPG", self.db.house.clock(), **columns)
        await self.rows(asset)
        return asset

    async def file(self, asset: Asset, kind: FileKind, **columns: Any) -> AssetFile:
        """A file of an asset, as far as its row goes."""
        id_ = uuid7()
        made = {
            "variant": "",
            "key": f"{asset.project_id}/{asset.id}/{id_}.jpg",
            "content_type": "image/jpeg",
            "byte_size": 1000,
            "sha256": f"{id_.int:064x}",
        }
        file = AssetFile(id=id_, project_id=asset.project_id, asset_id=asset.id, kind=kind, **{**made, **columns})
        await self.rows(file)
        return file

    async def signals(self, asset: Asset, sharpness: float | None = 1.0, **columns: Any) -> AssetSignals:
        """What was measured in an asset."""
        row = signals_row(asset, self.db.house.clock(), sharpness, **columns)
        await self.rows(row)
        return row

    async def rating(self, asset: Asset, user: UserActor, **said: Any) -> Rating:
        """What somebody said of an asset."""
        now = self.db.house.clock()
        rating = Rating(
            project_id=asset.project_id, asset_id=asset.id, user_id=user.user_id, **{"updated_at": now, **said}
        )
        await self.rows(rating)
        return rating

    async def member(self, project_id: UUID, role: Role, user: UserActor | None = None) -> UserActor:
        user = user or await self.user()
        await self.rows(Member(project_id=project_id, user_id=user.user_id, role=role))
        return user
