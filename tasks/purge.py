"""Deleting the bytes of what has no row any more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from kilo_gql.domain.keeping import may_delete, referred
from kilo_gql.errors import Unavailable
from kilo_gql.jobs import JobType
from tasks.kit import Kit
from tasks.registry import handles

#: Objects that are looked up and deleted at a time.
_BATCH: Final = 200
#: Seconds after which a purge asks again whether a backup still copies what it is to delete; days may pass so.
_AGAIN: Final = 60.0


@handles(JobType.ASSET_PURGE, patient=True)
async def purge(kit: Kit) -> Mapping[str, Any]:
    """Delete objects by ``keys`` or by ``prefixes``, but for those that a row refers to after all.

    Keys are made of new ids, so one that has lost its row never gets another; doing this twice is fine.
    """
    gone = kept = 0
    async for keys in _batches(kit):
        async with kit.write() as tx:
            if not await may_delete(tx):
                raise Unavailable("A backup is running.", code="backup_running", retry_after=_AGAIN)
            needed = await referred(tx, keys)
            await kit.workshop.store.delete([key for key in keys if key not in needed])
        gone, kept = gone + len(keys) - len(needed), kept + len(needed)
    return {"deleted": gone, "kept": kept}


async def _batches(kit: Kit) -> AsyncIterator[Sequence[str]]:
    named = iter(kit.arguments.get("keys", ()))
    while batch := list(islice(named, _BATCH)):
        yield batch
    for prefix in kit.arguments.get("prefixes", ()):
        listed = [found.key async for found in kit.workshop.store.list(prefix)]
        for start in range(0, len(listed), _BATCH):
            yield listed[start : start + _BATCH]
