"""Numbers the events: the one place where the log's order is decided.

Of all processes one leads, by a session advisory lock on the connection that also does the work, so a leader that lost
its lock cannot write. It moves outbox rows into ``events`` in the order (transaction id, row id), and only those whose
transaction is older than every transaction still running: nothing can commit behind what readers have seen. Numbering
by a serial alone lost 7 % of the events under concurrent writers (docs/decisions/0004).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, Protocol
from uuid import UUID

import asyncpg
import orjson
import structlog

from kilo_gql.bell import Bell
from kilo_gql.config import Settings
from kilo_gql.events import Event, event_name
from kilo_gql.models import Queue
from kilo_gql.waiting import cancel, happened
from kilo_gql.webhook_wake import WOKEN

_LOCK: Final = 0x4B494C4F_0001
_BATCH: Final = 2_000
#: Seconds between two looks at the outbox, without a nudge; and while rows wait for an older transaction to end.
_POLL: Final = 0.25
_WAITING: Final = (0.002, 0.05)
#: Seconds between two attempts to lead, between two measurements of the lag, and between two prunings.
_TRY_EVERY: Final = 1.0
_PRUNE_EVERY: Final = 60.0
_PRUNE_BATCH: Final = 10_000
_BACKOFF: Final = (0.1, 2.0)
_TIMEOUT: Final = 15.0

_FAILURES: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
_log: Final = structlog.get_logger(__name__)

_SERVER: Final = {
    "application_name": "kilo-relay",
    "jit": "off",
    # the tables are small when the plans are made, and huge when they matter
    "enable_seqscan": "off",
    # Losing the last batches in a crash is harmless: their outbox rows come back with them, and the same order gives
    # them the same numbers. Waiting for the disk would hold back every event committed meanwhile.
    "synchronous_commit": "off",
    # the leader's host may vanish without a word: let the server notice, and release the lock
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}

# One transaction's events are never split between batches (``cut`` takes whole transactions). Rows at or below $1 were
# moved before; saying so spares the index the rows that vacuum has not yet removed.
_MOVE: Final = """
WITH horizon AS (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xmin),
cut AS (
    SELECT xid FROM outbox
    WHERE xid > $1::text::xid8 AND xid < (SELECT xmin FROM horizon) ORDER BY xid OFFSET $2::int - 1 LIMIT 1
),
batch AS (
    DELETE FROM outbox
    WHERE xid > $1::text::xid8 AND xid < (SELECT xmin FROM horizon)
      AND xid <= coalesce((SELECT xid FROM cut), (SELECT xmin FROM horizon))
    RETURNING *
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY project_id ORDER BY xid, id) AS rank FROM batch
),
streams AS (
    INSERT INTO event_streams AS s (project_id, last_seq)
    SELECT project_id, count(*) FROM batch GROUP BY project_id
    ON CONFLICT (project_id) DO UPDATE SET last_seq = s.last_seq + excluded.last_seq
    RETURNING project_id, last_seq
),
numbered AS (
    SELECT r.*, s.last_seq - count(*) OVER (PARTITION BY project_id) + r.rank AS seq
    FROM ranked r JOIN streams s USING (project_id)
),
written AS (
    INSERT INTO events (project_id, seq, name, ids, changed, op_id, actor_id, created_at)
    SELECT project_id, seq, name, ids, changed, op_id, actor_id, created_at FROM numbered
),
woken AS (
    @woken
)
SELECT waiting, woken, n.* FROM (
    SELECT EXISTS (SELECT FROM outbox WHERE xid >= (SELECT xmin FROM horizon)) AS waiting,
        (SELECT array_agg(id) FROM woken) AS woken
) w LEFT JOIN numbered n ON true
ORDER BY n.project_id, n.seq
""".replace("@woken", WOKEN)

_LAG: Final = """
SELECT coalesce(extract(epoch FROM clock_timestamp() - created_at), 0)::float8
FROM (SELECT created_at FROM outbox ORDER BY xid, id LIMIT 1) oldest
"""

_PRUNABLE: Final = "SELECT project_id FROM event_streams WHERE last_seq - first_seq >= $1"

# Only a prefix goes, so that what stays is contiguous, though times may run a little against the numbers.
_PRUNE: Final = """
WITH head AS (SELECT seq, created_at FROM events WHERE project_id = $1 ORDER BY seq LIMIT $4),
bound AS (
    SELECT least(
        coalesce((SELECT min(seq) - 1 FROM head WHERE created_at >= now() - make_interval(secs => $2)),
                 (SELECT max(seq) FROM head)),
        (SELECT last_seq - $3 FROM event_streams WHERE project_id = $1)
    ) AS seq
),
gone AS (
    DELETE FROM events WHERE project_id = $1 AND seq <= (SELECT seq FROM bound) RETURNING seq
)
UPDATE event_streams SET first_seq = (SELECT max(seq) + 1 FROM gone)
WHERE project_id = $1 AND EXISTS (SELECT FROM gone)
RETURNING (SELECT count(*) FROM gone)
"""


class Publisher(Protocol):
    """Whoever in this process wants the events as soon as they are numbered."""

    def publish(self, project_id: UUID, events: Sequence[Event]) -> None: ...


class Relay:
    """This process's candidate for numbering. ``lag`` is the age of the oldest event not numbered yet, in seconds,
    measured about every second by every candidate; ``moved`` counts what this one numbered.

    ``ring_jobs`` is told, as (queue, job id), of the jobs that were queued for webhooks; without it, workers find them
    by themselves.
    """

    def __init__(
        self,
        database_url: str,
        bell: Bell,
        publisher: Publisher,
        settings: Settings,
        ring_jobs: Callable[[list[tuple[str, UUID]]], None] | None = None,
    ) -> None:
        self.leads = False
        self.lag = 0.0
        self.moved = 0
        self._url, self._bell, self._publisher, self._settings = database_url, bell, publisher, settings
        self._ring_jobs = ring_jobs
        self._wake = asyncio.Event()
        self._stop_listening = bell.listen("outbox", lambda _: self._wake.set())
        self._tasks = [
            asyncio.create_task(self._connected(self._candidate), name="relay"),
            asyncio.create_task(self._connected(self._chores), name="relay-chores"),
        ]

    async def close(self) -> None:
        """Stop leading; another process takes over within a second."""
        self._stop_listening()
        await cancel(*self._tasks)

    async def _connected(self, body: Callable[[Any], Awaitable[None]]) -> None:
        """Run ``body`` on a connection of its own, again and again, whatever happens to either."""
        delay = _BACKOFF[0]
        while True:
            try:
                connection = await asyncpg.connect(
                    self._url, timeout=_TIMEOUT, command_timeout=_TIMEOUT, server_settings=_SERVER
                )
                delay = _BACKOFF[0]
                try:
                    await body(connection)
                finally:
                    connection.terminate()
            except _FAILURES as error:
                _log.warning("relay lost its connection", error=repr(error), retry_in=delay)
            except Exception:
                _log.exception("relay failed", retry_in=delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, _BACKOFF[1])

    async def _candidate(self, connection: Any) -> None:
        connection.add_termination_listener(lambda _: self._wake.set())
        await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=orjson.dumps, decoder=orjson.loads)
        while True:
            if await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
                break
            await asyncio.sleep(_TRY_EVERY)
        epoch = await connection.fetchval("SELECT epoch FROM installation")
        _log.info("relay leads", epoch=epoch)
        self.leads = self._bell.relays = True
        try:
            await self._lead(connection, epoch)
        finally:
            self.leads = self._bell.relays = False

    async def _lead(self, connection: Any, epoch: int) -> None:
        done, pause = 0, _WAITING[0]
        while True:
            self._wake.clear()
            rows = await connection.fetch(_MOVE, str(done), _BATCH)
            waiting = rows[0]["waiting"]
            if rows[0]["seq"] is not None:
                done = max(int(row["xid"]) for row in rows)
                self._announce(epoch, rows)
                pause = _WAITING[0]
                if len(rows) >= _BATCH:
                    continue
            await happened(self._wake, pause if waiting else _POLL)
            pause = min(pause * 2, _WAITING[1]) if waiting else _WAITING[0]

    def _announce(self, epoch: int, rows: Sequence[Mapping[str, Any]]) -> None:
        self.moved += len(rows)
        for project_id, group in groupby(rows, key=itemgetter("project_id")):
            self._publisher.publish(project_id, [_event(epoch, row) for row in group])
            self._bell.ring("events", str(project_id), here=False)
        if self._ring_jobs is not None and (woken := rows[0]["woken"]):
            self._ring_jobs([(Queue.IO.value, job_id) for job_id in woken])

    async def _chores(self, connection: Any) -> None:
        """Measure always, and prune while leading: beside the numbering, where it may take its time."""
        pruned = 0.0
        while True:
            self.lag = await connection.fetchval(_LAG) or 0.0
            if self.leads and time.monotonic() - pruned >= _PRUNE_EVERY:
                pruned = time.monotonic()
                await prune(connection, self._settings.event_retention, self._settings.event_retention_count)
            await asyncio.sleep(_TRY_EVERY)


async def prune(connection: Any, seconds: float, count: int) -> int:
    """Delete events that are older than ``seconds`` and not among their project's last ``count``; returns how many."""
    deleted = 0
    for row in await connection.fetch(_PRUNABLE, count):
        while gone := await connection.fetchval(_PRUNE, row["project_id"], seconds, count, _PRUNE_BATCH):
            deleted += gone
            if gone < _PRUNE_BATCH:
                break
    return deleted


def _event(epoch: int, row: Mapping[str, Any]) -> Event:
    return Event(
        epoch=epoch,
        seq=row["seq"],
        project_id=row["project_id"],
        name=event_name(row["name"]),
        ids=tuple(row["ids"]),
        changed=row["changed"],
        op_id=row["op_id"],
        actor_id=row["actor_id"],
        at=row["created_at"],
    )
