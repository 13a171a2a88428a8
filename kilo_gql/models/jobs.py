"""Background work. The row is the truth; a message in a broker is only a nudge."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from kilo_gql.models.base import Base, Enumerated, Identified, InProject, Stamped


class JobStatus(StrEnum):
    """queued → running → done | failed | canceled; a lost lease leads back to queued."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def terminal(self) -> bool:
        return self in (JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELED)


class Queue(StrEnum):
    """Named after what a job waits for."""

    IO = "io"
    CPU = "cpu"
    GPU = "gpu"


class Priority(IntEnum):
    """Smaller goes first: somebody waits, nobody waits, whenever there is room."""

    INTERACTIVE = 0
    NORMAL = 10
    BACKFILL = 20


class Job(Identified, Stamped, Base, InProject):
    """One piece of work. ``project_id`` is None for the house's own jobs, such as mail, which no member sees.

    ``fence`` rises with each claim: a result is taken only from the claim that holds the present fence.
    ``attempts`` counts claims, ``lost`` those of them whose worker fell silent. ``turn`` is the fair-queueing tag and
    ``once`` the name under which only one job may be queued (see ``kilo_gql.jobs``).
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_project_id_id", "project_id", "id"),
        Index("ix_jobs_claim", "queue", "priority", "turn", "id", postgresql_where=text("status = 'queued'")),
        Index("ix_jobs_turns", "queue", "priority", "project_id", "turn", postgresql_where=text("status = 'queued'")),
        Index("ix_jobs_asset_id", "asset_id", postgresql_where=text("asset_id IS NOT NULL")),
        Index("ix_jobs_lease", "lease_until", postgresql_where=text("status = 'running'")),
        Index(
            "ix_jobs_unfinished",
            "project_id",
            "status",
            postgresql_where=text("status IN ('queued', 'running', 'failed')"),
        ),
        Index("uq_jobs_once", "once", unique=True, postgresql_where=text("status = 'queued'")),
        CheckConstraint("progress >= 0 AND progress <= 1", name="progress"),
    )

    project_id: Mapped[UUID | None] = mapped_column(  # type: ignore[assignment]
        Uuid(), ForeignKey("projects.id", ondelete="CASCADE")
    )
    asset_id: Mapped[UUID | None]
    type: Mapped[str]
    queue: Mapped[Queue] = mapped_column(Enumerated(Queue))
    priority: Mapped[int] = mapped_column(SmallInteger)
    turn: Mapped[int] = mapped_column(BigInteger)
    once: Mapped[str | None]
    arguments: Mapped[dict[str, Any]]
    status: Mapped[JobStatus] = mapped_column(Enumerated(JobStatus), default=JobStatus.QUEUED)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    lost: Mapped[int] = mapped_column(SmallInteger, default=0)
    fence: Mapped[int] = mapped_column(BigInteger, default=0)
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    progress: Mapped[float] = mapped_column(default=0.0)
    stage: Mapped[str | None]
    message: Mapped[str | None]
    error_code: Mapped[str | None]
    error: Mapped[str | None]
    remediation: Mapped[list[str]] = mapped_column(default=list)
    result: Mapped[dict[str, Any] | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
