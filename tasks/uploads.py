"""What is left of uploads that nobody ended: part of the sweep."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from kilo_gql.domain import receiving
from kilo_gql.storage import Leftover
from tasks.kit import Kit


async def sweep_uploads(kit: Kit) -> dict[str, int]:
    """Forget uploads whose time is over, then remove the bytes that no upload counts."""
    expired, full = 0, True
    while full:
        async with kit.write() as tx:
            batch = await receiving.expire(tx)
        expired += batch
        full = batch == receiving.BATCH
    return {"uploads": expired, "leftovers": await _discard(kit)}


async def _discard(kit: Kit) -> int:
    """Young leftovers stay: the row of their upload may be on its way."""
    before, total = datetime.now(UTC) - receiving.LEFTOVER_AFTER, 0
    old = [leftover async for leftover in kit.workshop.store.leftovers() if leftover.modified_at < before]
    for start in range(0, len(old), receiving.BATCH):
        total += await _discard_batch(kit, old[start : start + receiving.BATCH])
    return total


async def _discard_batch(kit: Kit, leftovers: Sequence[Leftover]) -> int:
    async with kit.read() as tx:
        gone = await receiving.unwanted(tx, leftovers)
    await kit.workshop.store.discard(gone)
    return len(gone)
