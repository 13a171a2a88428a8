"""What requests about webhooks carry."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from kilo_gql.domain.webhooks import WebhookChange
from kilo_gql.models import DeliveryStatus
from kilo_gql.rest.bodies import Body, PageQuery


class CreateWebhookBody(Body):
    url: str
    event_names: list[str] = Field(default_factory=list)
    filters: dict[str, Any] = Field(default_factory=dict)
    description: str | None = None


class UpdateWebhookBody(Body):
    """Only what is in the request counts, so the defaults are never read."""

    url: str = ""
    event_names: list[str] = Field(default_factory=list)
    filters: dict[str, Any] = Field(default_factory=dict)
    description: str | None = None

    def arguments(self) -> dict[str, Any]:
        return {"change": WebhookChange(**self._given())}


class ReplayWebhookBody(Body):
    after: str


class WebhookDeliveriesQuery(PageQuery):
    status: DeliveryStatus | None = None
