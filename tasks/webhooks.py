"""Deliveries of webhooks."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from kilo_gql import __version__
from kilo_gql.domain import webhook_pump as pump
from kilo_gql.domain.webhook_pump import Parcel, Sent
from kilo_gql.jobs import JobType
from kilo_gql.outbound import Outbound
from kilo_gql.webhook_signing import signed_headers
from tasks.kit import Kit
from tasks.registry import handles

#: Seconds after which a job lets others have the slot, and goes on when it is its turn again.
_TURN: Final = 20.0
_HEADERS: Final = {"Content-Type": "application/json", "User-Agent": f"KILO/{__version__} (webhooks)"}
_ATTEMPTS: Final = 10


@handles(JobType.WEBHOOK_DELIVER, attempts=_ATTEMPTS)
async def deliver(kit: Kit) -> Mapping[str, Any]:
    """Send a webhook what is due, and queue the next look at it."""
    webhook_id = UUID(kit.arguments["webhook_id"])
    results: Counter[str] = Counter(delivered=0, failed=0)
    until = time.monotonic() + _TURN
    async with Outbound(private=kit.settings.webhook_private_addresses) as outbound:
        while True:
            async with kit.write() as tx:
                parcels = await pump.take(tx, webhook_id, kit.claim.id)
            if parcels is None:
                return results
            if not parcels:
                break
            sent = await asyncio.gather(*(_send(kit, outbound, parcel) for parcel in parcels))
            results.update("delivered" if one.error is None else "failed" for one in sent)
            async with kit.write() as tx:
                well = await pump.settle(tx, webhook_id, sent)
            if not well or time.monotonic() > until:
                break
    async with kit.finish(results) as tx:
        await pump.look_again(tx, webhook_id)
    return results


async def _send(kit: Kit, outbound: Outbound, parcel: Parcel) -> Sent:
    now = kit.workshop.db.house.clock()
    headers = signed_headers(parcel.keys, parcel.id, parcel.body, now)
    reply = await outbound.post(parcel.url, {**_HEADERS, **headers}, parcel.body, now)
    return Sent(parcel, reply.status, reply.error, reply.retry_after, reply.duration_ms)
