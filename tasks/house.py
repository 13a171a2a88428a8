"""Housekeeping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from kilo_gql.domain import export_jobs, gallery_work, measuring, renders, trash, webhook_pump
from kilo_gql.domain.upkeep import BATCH, sweep
from kilo_gql.jobs import JobType
from tasks.kit import Kit
from tasks.registry import handles
from tasks.uploads import sweep_uploads


@handles(JobType.HOUSE_SWEEP)
async def sweep_house(kit: Kit) -> Mapping[str, Any]:
    """Throw away what has had its time, batch by batch, and have measured what has not been yet."""
    gone: Counter[str] = Counter()
    more = True
    while more:
        async with kit.write() as tx:
            batch = await sweep(tx)
        gone.update(batch)
        more = BATCH in batch.values()
    more = True
    while more:
        async with kit.write() as tx:
            purged = await trash.purge_expired(tx)
        gone["trashed_assets"] += purged
        more = purged == trash.BATCH
    more = True
    while more:
        async with kit.write() as tx:
            swept = await renders.sweep_crops(tx)
        gone["crops"] += swept
        more = swept == renders.BATCH
    more = True
    while more:
        async with kit.write() as tx:
            swept = await gallery_work.sweep_named(tx)
        gone["named_pictures"] += swept
        more = swept == renders.BATCH
    more = True
    while more:
        async with kit.write() as tx:
            expired, orphans = await export_jobs.expire(tx), await export_jobs.end_orphans(tx)
        gone["expired_exports"] += expired
        more = export_jobs.BATCH in (expired, orphans)
    gone.update(await sweep_uploads(kit))
    more = True
    while more:
        async with kit.write() as tx:
            swept = await webhook_pump.sweep_deliveries(tx)
        gone["webhook_deliveries"] += swept
        more = swept == webhook_pump.BATCH
    async with kit.write() as tx:
        await measuring.catch_up(tx)
        await webhook_pump.catch_up(tx)
    return dict(gone)
