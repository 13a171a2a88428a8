"""Exports, made photo by photo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kilo_gql.jobs import JobType
from tasks.kit import Kit
from tasks.registry import handles


@handles(JobType.PROJECT_EXPORT, patient=True)
async def export(kit: Kit) -> Mapping[str, Any]:
    """Make the files of an export."""
    return {}
