"""The cursor that a mutation reached."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from kilo_gql.bell import Bell
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.hub import Hub
from kilo_gql.relay import Relay
from tests.realtime.conftest import Log


@pytest.mark.parametrize("leads", [True, False])
async def test_reached_is_the_cursor_of_the_last_event_of_an_operation(
    db: Database, database_url: str, settings: Settings, hub: Hub, relay: Relay, log: Log, leads: bool
) -> None:
    bell = await Bell.open(database_url)
    asked = hub if leads else Hub(db, bell, settings)
    one, two = uuid4(), uuid4()
    ops = [uuid4() for _ in range(20)]
    for op_id in ops[:5]:
        await log.write(one, 1, 2, op_id=op_id)
    answers = await asyncio.gather(*(asked.reached(op_id, one) for op_id in ops[:5]))
    assert answers == ["1-2", "1-4", "1-6", "1-8", "1-10"]
    waiting = [asyncio.ensure_future(asked.reached(op_id, one, within=20)) for op_id in ops[5:]]
    await asyncio.sleep(0.03)
    for op_id in ops[5:]:
        await log.write(one, 1, op_id=op_id)
    assert await asyncio.gather(*waiting) == [f"1-{n}" for n in range(11, 26)]
    await log.write(two, 1, op_id=ops[0])
    await log.drained()
    assert await asked.reached(ops[0], two) == "1-1"
    assert await asked.reached(uuid4(), within=0) is None
    assert await asked.reached(uuid4(), one, within=0.05) is None
    assert await asked.reached(ops[3], two, within=0) is None
    assert asked._reached._waiting == {}
    if not leads:
        await asked.close()
    await bell.close()


async def test_an_old_operation_is_found_in_the_log(
    db: Database, bell: Bell, settings: Settings, hub: Hub, relay: Relay, log: Log
) -> None:
    project, op_id = uuid4(), uuid4()
    await log.write(project, 1, op_id=op_id)
    await log.drained()
    fresh = Hub(db, bell, settings)
    assert await fresh.reached(op_id, project, within=0) == "1-1"
    await fresh.close()
