"""Rehearsals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kilo_gql.jobs import JobType
from tasks.kit import Kit
from tasks.registry import handles


@handles(JobType.DRILL)
async def drill(kit: Kit) -> Mapping[str, Any]:
    """Walk the steps in the isolated child; none at all proves the path there and back."""
    steps, step_ms = kit.arguments.get("steps", 0), kit.arguments.get("step_ms", 0)
    walked: dict[str, Any] = await kit.call("tasks.drill:walk", steps=steps, step_ms=step_ms)
    return walked
