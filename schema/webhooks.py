"""Webhooks and their deliveries as GraphQL shows them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from kilo_gql import models
from kilo_gql.domain import webhooks
from kilo_gql.domain.webhook_rules import FILTERS_MAX
from kilo_gql.events import EventName
from schema.base import Connection, Node, bounded, receipt, shows, text, value
from schema.scalars import JSON

strawberry.enum(
    models.DeliveryStatus,
    name="WebhookDeliveryStatus",
    description="Where a delivery stands: dead ones have had all their attempts.",
)
WebhookDeliveryStatus = models.DeliveryStatus


@shows(models.Webhook)
@strawberry.type(description="Where a project's events are sent.")
class Webhook(Node):
    """A webhook row; its secret is shown once, when it is made."""

    project_id: UUID = text("The project whose events are sent.")
    url: str = text("Where they are sent.")
    description: str | None = text("What it is for.")
    event_names: list[str] = bounded("Which events; none: all but those that must be asked for.", len(EventName))
    filters: JSON = text("Dotted paths into the event, and the value each must have.")
    cursor: str = text("The last event that was looked at.")
    previous_until: datetime | None = text("Until when the secret before the present one signs as well.")
    failing_since: datetime | None = text("Since when nothing has come through; null: it works.")
    disabled_at: datetime | None = text("When it was switched off; null: it is on.")
    disabled_why: str | None = text("Who switched it off: `owner`, or the house: `gone`, `failing`.")
    created_at: datetime = text("When it was made.")
    updated_at: datetime = text("When it last changed.")


@shows(models.WebhookDelivery)
@strawberry.type(description="An event on its way to a webhook.")
class WebhookDelivery(Node):
    """A delivery row. Its id is what the receiver sees, the same in every attempt."""

    project_id: UUID = text("The project it happened in.")
    webhook_id: UUID = text("The webhook it is sent to.")
    event_name: str = text("The type of the delivery: an event's name, `ping` or `reset`.")
    cursor: str | None = text("The event's place in the log; null for what is not in it.")
    body: str = text("The JSON that is signed and sent.")
    status: WebhookDeliveryStatus = text("Where it stands.")
    attempts: int = text("How often it was sent.")
    next_at: datetime | None = text("When it is sent next.")
    http_status: int | None = text("What the last attempt was answered; null: nothing.")
    error: str | None = text("What went wrong the last time, with the first words of the answer.")
    duration_ms: int | None = text("How long the last attempt took, in milliseconds.")
    delivered_at: datetime | None = text("When it was accepted.")
    created_at: datetime = text("When it was made.")


@strawberry.type(description="A webhook with its secret.")
class NewWebhook:
    """Shown once."""

    secret: str = text("What its deliveries are signed with, `whsec_…`. It cannot be read again.")
    webhook: Webhook = text("The webhook.")


@strawberry.type(description="A webhook with its secret, after a mutation.")
class NewWebhookPayload:
    """What `createWebhook` and `rotateWebhookSecret` answer."""

    new_webhook: NewWebhook = value("The webhook and its secret.", NewWebhook)
    receipt: None = receipt()


@strawberry.type(description="A webhook after a mutation.")
class WebhookPayload:
    """What mutations of webhooks answer."""

    webhook: Webhook = value("The webhook as it is now.", Webhook)
    receipt: None = receipt()


@strawberry.type(description="A delivery after a mutation.")
class WebhookDeliveryPayload:
    """What mutations of deliveries answer."""

    delivery: WebhookDelivery = value("The delivery as it is now.", WebhookDelivery)
    receipt: None = receipt()


@strawberry.input(description="What a webhook is to be.")
class CreateWebhookInput:
    """Input of `createWebhook`."""

    url: str = text("An http or https URL, without a user, a password or a fragment.")
    event_names: list[str] = strawberry.field(
        default_factory=list,
        description="Names such as `gallery.updated`; none: all but `job.progress` and `webhook.updated`.",
    )
    filters: JSON | None = strawberry.field(
        default=None,
        description=f'At most {FILTERS_MAX} dotted paths into the event, and values: {{"changed.published": true}}.',
    )
    description: str | None = strawberry.field(default=None, description="What it is for: at most 500 characters.")


@strawberry.input(description="What is to be otherwise; what is left out stays.")
class UpdateWebhookInput:
    """Input of `updateWebhook`."""

    url: strawberry.Maybe[str] = strawberry.field(default=None, description="Where to send from now on.")
    event_names: strawberry.Maybe[list[str]] = strawberry.field(default=None, description="Which events from now on.")
    filters: strawberry.Maybe[JSON] = strawberry.field(default=None, description="Which of them from now on.")
    description: strawberry.Maybe[str | None] = strawberry.field(default=None, description="Null clears it.")

    def change(self) -> webhooks.WebhookChange:
        fields = ("url", "event_names", "filters", "description")
        return webhooks.WebhookChange(**{n: m.value for n in fields if (m := getattr(self, n)) is not None})


WebhookDeliveryConnection = Connection[WebhookDelivery]
