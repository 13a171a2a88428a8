"""Deliveries of webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kilo_gql.jobs import JobType
from tasks.kit import Kit
from tasks.registry import handles


@handles(JobType.WEBHOOK_DELIVER)
async def deliver(kit: Kit) -> Mapping[str, Any]:
    """Send what is due."""
    return {}
