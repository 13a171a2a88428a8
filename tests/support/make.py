"""Makes rows by intent, as the system, past the doors."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.db import Database
from kilo_gql.models import (
    Base,
    Job,
    JobStatus,
    Member,
    Project,
    ProjectStatus,
    Queue,
    Role,
    Session,
    SessionKind,
    User,
)
from kilo_gql.models.base import uuid7

_numbers = count(1)


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

    async def member(self, project_id: UUID, role: Role, user: UserActor | None = None) -> UserActor:
        user = user or await self.user()
        await self.rows(Member(project_id=project_id, user_id=user.user_id, role=role))
        return user
