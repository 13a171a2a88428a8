"""What a handler works with.

Work has three phases: read in a short transaction, compute without one, and write the outcome in the transaction that
ends the job. So the outcome is there exactly if the job is done, however often it was started.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from kilo_gql import claims
from kilo_gql.access import Perm, System
from kilo_gql.claims import CancelRequested, Claim, Report, Stale
from kilo_gql.config import Settings
from kilo_gql.db import Database, Tx
from kilo_gql.operations import Bells
from kilo_gql.storage import Store
from tasks import pipeline
from tasks.child import ChildLimits, Children

_WORKER: Final = System("worker")


#: A learned model takes more room and time than a picture, and is loaded once. No sandbox is needed for our own files.
MODEL_LIMITS: Final = ChildLimits(
    memory_bytes=8 << 30, cpu_s=3600.0, wall_s=900.0, calls=100_000, max_result_bytes=4 << 20, nofile=1024
)


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all jobs of a worker process share. ``models``: the child in which learned models stay loaded."""

    settings: Settings
    db: Database
    bells: Bells
    children: Children
    store: Store
    models: Children = field(default_factory=lambda: Children(1, limits=MODEL_LIMITS))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A short look at the database, as the system."""
        async with self.db.transaction(_WORKER, Perm.SYSTEM, write=False) as tx:
            yield tx

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """A transaction of the system: commits at the end of the block, with its events, and then rings."""
        async with self.db.transaction(_WORKER, Perm.SYSTEM) as tx:
            yield tx
            await tx.write_outbox()
            await tx.session.commit()
        if tx.changes:
            self.bells.ring_events()
        if tx.jobs:
            self.bells.ring_jobs(tx.jobs)


class Kit:
    """One claim's tools. Everything that writes raises Stale once the claim is lost."""

    def __init__(self, workshop: Workshop, claim: Claim) -> None:
        self.workshop = workshop
        self.claim = claim
        self.finished = False
        self._said: Report | None = None

    @property
    def settings(self) -> Settings:
        return self.workshop.settings

    @property
    def arguments(self) -> Mapping[str, Any]:
        return self.claim.arguments

    def report(self, progress: float, stage: str | None = None, message: str | None = None) -> None:
        """Say how far the work has come (0 to 1). Costs nothing: the latest word is written, four times a second."""
        self._said = Report(self.claim, progress, stage or None, message)

    def take_report(self) -> Report | None:
        """The latest word that is not written yet."""
        said, self._said = self._said, None
        return said

    async def call(self, function: str, **arguments: Any) -> Any:
        """Run ``module:function`` in an isolated child, which may die without harm to anybody else."""
        async with self.workshop.children.slot() as child:
            return await child.call(function, on_progress=self.report, **arguments)

    async def call_model(self, function: str, **arguments: Any) -> Any:
        """Run ``module:function`` in the child where learned models stay loaded."""
        async with self.workshop.models.slot() as child:
            return await child.call(function, on_progress=self.report, **arguments)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """The first phase: a short look at the database."""
        async with self.workshop.read() as tx:
            yield tx

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """Write something before the end. The job may be tried again afterwards, so this must bear being done twice."""
        async with self.workshop.write() as tx:
            held = await claims.heartbeat(tx, [self.claim], self.settings.job_lease)
            if self.claim.key not in held:
                raise Stale(self.claim.id)
            if held[self.claim.key]:
                raise CancelRequested(self.claim.id)
            yield tx

    @asynccontextmanager
    async def finish(self, result: Mapping[str, Any] | None = None) -> AsyncIterator[Tx]:
        """The last phase: the job is done exactly if what this block writes is committed."""
        async with self.workshop.write() as tx:
            await claims.finish(tx, self.claim, result)
            yield tx
            await pipeline.follow(tx, self.claim.type, self.claim.project_id)
        self.finished = True
