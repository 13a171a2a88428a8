"""Webhooks and their deliveries as REST shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from kilo_gql.models import DeliveryStatus
from kilo_gql.rest.views import View


class WebhookView(View):
    id: UUID
    project_id: UUID
    url: str
    description: str | None
    event_names: list[str]
    filters: dict[str, Any]
    cursor: str
    previous_until: datetime | None
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_why: str | None
    created_at: datetime
    updated_at: datetime


class NewWebhookView(View):
    secret: str
    webhook: WebhookView


class WebhookDeliveryView(View):
    id: UUID
    project_id: UUID
    webhook_id: UUID
    event_name: str
    cursor: str | None
    body: str
    status: DeliveryStatus
    attempts: int
    next_at: datetime | None
    http_status: int | None
    error: str | None
    duration_ms: int | None
    delivered_at: datetime | None
    created_at: datetime
