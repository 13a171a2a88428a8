"""Pictures made for one gallery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kilo_gql.jobs import JobType
from tasks.kit import Kit
from tasks.registry import handles


@handles(JobType.GALLERY_RENDER, patient=True)
async def render(kit: Kit) -> Mapping[str, Any]:
    """Make what a gallery hands out."""
    return {}
