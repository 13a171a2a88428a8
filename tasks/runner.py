"""Runs jobs in one worker process: claims them, keeps their leases, and decides what becomes of each attempt."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from enum import Enum, auto
from functools import partial
from typing import Final
from uuid import UUID

import structlog

from kilo_gql import claims, jobs
from kilo_gql.claims import CancelRequested, Claim, Expired, Failure, Report, Stale
from kilo_gql.db import Tx
from kilo_gql.errors import InsufficientStorage, KiloError, Unavailable
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import JobStatus, Queue
from tasks.child import ChildClosed, ChildError, ChildFailed
from tasks.kit import Kit, Workshop
from tasks.registry import Handler
from tasks.scratch import sweep_scratch

#: Seconds between two progress events of a job.
REPORT_EVERY: Final = 0.25
_SWEEP_EVERY: Final = 3_600.0
#: Most seconds that a job is kept back after an unexpected error; doubles from one.
_BACKOFF_MAX: Final = 60.0
#: How often an outcome is written again, 1 s apart, when the database does not answer.
_WRITES: Final = 10

_log: Final = structlog.get_logger(__name__)


class Stop(Enum):
    """Why a running job is stopped from outside."""

    CANCELED = auto()
    STALE = auto()
    SHUTDOWN = auto()


class _Held:
    """A claim that this process works on."""

    def __init__(self, kit: Kit, work: asyncio.Task[None]) -> None:
        self.kit = kit
        self.work = work
        self.why: Stop | None = None

    @property
    def claim(self) -> Claim:
        return self.kit.claim

    def stop(self, why: Stop) -> None:
        """End the handler, and with it its child. The first reason counts."""
        if self.why is None:
            self.why = why
            self.work.cancel()


class Runner:
    """The jobs of one worker process."""

    def __init__(self, workshop: Workshop, handlers: Mapping[str, Handler]) -> None:
        self.workshop = workshop
        self.handlers = handlers
        self.stopping = False
        self._held: dict[tuple[UUID, int], _Held] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._beat_now = asyncio.Event()

    @property
    def held(self) -> int:
        """How many jobs run here."""
        return len(self._held)

    # --- one job ---------------------------------------------------------------------------------------------

    async def run_next(self, queue: Queue) -> bool:
        """Do the job of ``queue`` whose turn it is; False if there was none. Never raises: workers outlive jobs."""
        if self.stopping:
            return False
        try:
            async with self.workshop.write() as tx:
                claim = await claims.claim(tx, queue, self.workshop.settings.job_lease)
        except Exception as error:
            _log.warning("a claim failed", queue=queue.value, error=repr(error))
            return False
        if claim is not None:
            await self._do(claim)
        return claim is not None

    async def _do(self, claim: Claim) -> None:
        kit = Kit(self.workshop, claim)
        held = _Held(kit, asyncio.create_task(self._handle(kit), name=f"job {claim.id}"))
        self._held[claim.key] = held
        self._idle.clear()
        try:
            if self.stopping:
                held.stop(Stop.SHUTDOWN)
            await asyncio.wait({held.work})
            await self._settle(held)
        finally:
            del self._held[claim.key]
            if not self._held:
                self._idle.set()

    async def _handle(self, kit: Kit) -> None:
        handler = self.handlers.get(kit.claim.type)
        if handler is None:
            raise KiloError(f"This version does not know jobs of the type {kit.claim.type}.", code="job_type_unknown")
        result = await handler.work(kit)
        if not kit.finished:
            async with kit.finish(result):
                pass

    async def _settle(self, held: _Held) -> None:
        """Write what became of an attempt that did not finish."""
        error = None if held.work.cancelled() else held.work.exception()
        if (error is None and not held.work.cancelled()) or isinstance(error, Stale) or held.why is Stop.STALE:
            return
        for _ in range(_WRITES):
            try:
                await self._write_outcome(held, error)
                return
            except Stale:
                return
            except Exception as trouble:
                _log.warning("an outcome could not be written", job=str(held.claim.id), error=repr(trouble))
                await asyncio.sleep(1)

    async def _write_outcome(self, held: _Held, error: BaseException | None) -> None:
        claim, why = held.claim, claims.CANCELED
        async with self.workshop.write() as tx:
            if held.why is Stop.SHUTDOWN or isinstance(error, ChildClosed):
                ended = await claims.put_back(tx, claim, refund=True)
            elif held.why is Stop.CANCELED or isinstance(error, CancelRequested):
                ended = await claims.put_back(tx, claim)
            elif isinstance(error, Unavailable | InsufficientStorage) and self._patient(claim):
                await claims.report(tx, [Report(claim, 0.0, "waiting", error.message)])
                ended = await claims.put_back(tx, claim, refund=True, delay=_wait(error))
            elif isinstance(outcome := self._judge(claim, error), Failure):
                ended = await claims.fail(tx, claim, outcome)
                why = outcome if ended is JobStatus.FAILED else why
            else:
                ended = await claims.put_back(tx, claim, delay=outcome)
            if ended.terminal:
                await self._aftermath(tx, claim, why)

    async def _aftermath(self, tx: Tx, job: Claim | Expired, failure: Failure) -> None:
        """Tell what was worked on that it will not come to anything, in the transaction that says so of the job."""
        handler = self.handlers.get(job.type)
        if handler is not None and handler.failed is not None and job.asset_id is not None:
            await handler.failed(tx, job.asset_id, failure)
        if handler is not None and handler.over is not None:
            await handler.over(tx, job.id, failure)

    def _patient(self, claim: Claim) -> bool:
        handler = self.handlers.get(claim.type)
        return handler is not None and handler.patient

    def _judge(self, claim: Claim, error: BaseException | None) -> Failure | float | None:
        """A failed attempt is a failed job, or is tried again after so many seconds (None: at once)."""
        handler = self.handlers.get(claim.type)
        limit = (handler and handler.attempts) or self.workshop.settings.job_claims
        last = claim.tries >= limit
        if isinstance(error, ChildError) and not isinstance(error, ChildFailed):
            _log.warning("a child died", job=str(claim.id), attempt=claim.attempts, error=str(error))
            return claims.crashed(str(error).partition("\n")[0]) if last else None
        if isinstance(error, KiloError):
            if last or error.retry_after is None:
                return Failure(error.code, error.message, error.remediation, error.details)
            return error.retry_after
        _log.error("a handler raised", job=str(claim.id), type=claim.type, attempt=claim.attempts, exc_info=error)
        if last:
            return Failure("internal", "Something went wrong on our side.", ("Retry the job.",))
        return min(2.0 ** (claim.tries - 1), _BACKOFF_MAX)

    # --- all jobs of this process ----------------------------------------------------------------------------

    def cancel(self, job_id: str) -> None:
        """Somebody canceled a job (empty: it is not known which). One not held here may be in the middle of a claim."""
        mine = [held for held in self._held.values() if str(held.claim.id) == job_id]
        if not mine:
            self._beat_now.set()
        for held in mine:
            held.stop(Stop.CANCELED)

    async def keep(self) -> None:
        """Keep the leases, for ever: a lost claim is dropped, a canceled one stopped."""
        every = self.workshop.settings.job_lease / 3
        while True:
            try:
                async with asyncio.timeout(every):
                    await self._beat_now.wait()
            except TimeoutError:
                pass
            self._beat_now.clear()
            await _tolerant("a heartbeat failed", self._beat)

    async def _beat(self) -> None:
        mine = list(self._held.values())
        if not mine:
            return
        async with self.workshop.write() as tx:
            held = await claims.heartbeat(tx, [one.claim for one in mine], self.workshop.settings.job_lease)
        for one in mine:
            if one.claim.key not in held:
                one.stop(Stop.STALE)
            elif held[one.claim.key]:
                one.stop(Stop.CANCELED)

    async def tell(self) -> None:
        """Write the progress of all jobs, for ever, four times a second."""
        while True:
            await asyncio.sleep(REPORT_EVERY)
            await _tolerant("progress was not written", self.tell_once)

    async def tell_once(self) -> None:
        """Write what was reported since the last time, in one statement."""
        reports = [said for held in self._held.values() if (said := held.kit.take_report()) is not None]
        if reports:
            async with self.workshop.write() as tx:
                await claims.report(tx, reports)

    async def reconcile(self, nudge: Callable[[Queue, int], None], queues: Iterable[Queue], slots: int) -> None:
        """Repair what messages and workers lost, for ever; at random moments, lest processes march in step."""
        served = list(queues)

        async def once() -> None:
            for queue, count in (await self.repair(served, slots)).items():
                nudge(queue, count)

        while True:
            await asyncio.sleep(self.workshop.settings.reconcile_every * random.uniform(0.5, 1.5))  # noqa: S311
            await _tolerant("reconciling failed", once)

    async def repair(self, queues: Sequence[Queue], slots: int) -> Mapping[Queue, int]:
        """Take back the jobs whose workers fell silent; returns how many of each queue can run (at most ``slots``)."""
        async with self.workshop.write() as tx:
            for lost in await claims.expire(tx):
                if lost.failure is not None:
                    await self._aftermath(tx, lost, lost.failure)
            return await claims.runnable(tx, queues, slots)

    async def sweep(self) -> None:
        """See to it that the house is swept, for ever, once an hour; and this machine's scratch, which no job can."""
        while True:
            await _tolerant("the sweep was not queued", self._queue_sweep)
            await _tolerant("scratch was not swept", partial(sweep_scratch, self.workshop.settings))
            await asyncio.sleep(_SWEEP_EVERY)

    async def _queue_sweep(self) -> None:
        async with self.workshop.write() as tx:
            await jobs.enqueue(tx, NewJob(JobType.HOUSE_SWEEP, {}, None, once=JobType.HOUSE_SWEEP.value))

    async def drain(self, grace: float) -> None:
        """Claim nothing more; let running jobs end within ``grace`` seconds, then hand them back."""
        self.stopping = True
        if await self._within(grace):
            return
        for held in list(self._held.values()):
            held.stop(Stop.SHUTDOWN)
        await self._within(_WRITES)

    async def _within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True


def _wait(error: KiloError) -> float:
    """Seconds until what was wanting is tried again; not all jobs at the same moment."""
    return (error.retry_after or REPORT_EVERY) * random.uniform(1, 2)  # noqa: S311


async def _tolerant(complaint: str, action: Callable[[], Awaitable[object]]) -> None:
    """Do something that will be done again anyway: trouble is logged, not raised."""
    try:
        await action()
    except Exception as error:
        _log.warning(complaint, error=repr(error))
