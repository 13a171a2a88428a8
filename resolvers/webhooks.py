"""What can be asked of webhooks."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql.domain import webhook_deliveries, webhooks
from resolvers.arguments import After, First, IdempotencyKey, ProjectId, page
from resolvers.binding import ask, ask_list, change
from schema.auth import DonePayload
from schema.base import Info
from schema.webhooks import (
    CreateWebhookInput,
    NewWebhookPayload,
    UpdateWebhookInput,
    Webhook,
    WebhookDelivery,
    WebhookDeliveryConnection,
    WebhookDeliveryPayload,
    WebhookDeliveryStatus,
    WebhookPayload,
)

WebhookId = Annotated[UUID, strawberry.argument(description="The webhook's id.")]
DeliveryId = Annotated[UUID, strawberry.argument(description="The delivery's id.")]
OfStatus = Annotated[WebhookDeliveryStatus | None, strawberry.argument(description="Only deliveries that stand here.")]
NewInput = Annotated[CreateWebhookInput, strawberry.argument(description="What the webhook is to be.")]
ChangeInput = Annotated[UpdateWebhookInput, strawberry.argument(description="What is to change.")]
Cursor = Annotated[str, strawberry.argument(description="Of the last event that is not to be sent: `<epoch>-<seq>`.")]


@strawberry.type
class WebhookQuery:
    """Root fields that read webhooks."""

    # the lists come last: their names hide the modules' in this class

    @ask(webhooks.get_webhook, Webhook)
    async def webhook(self, info: Info, id: WebhookId) -> Any:
        return await info.context.read(webhooks.get_webhook, id)

    @ask(webhook_deliveries.get_webhook_delivery, WebhookDelivery)
    async def webhook_delivery(self, info: Info, id: DeliveryId) -> Any:
        return await info.context.read(webhook_deliveries.get_webhook_delivery, id)

    @ask(webhook_deliveries.list_webhook_deliveries, WebhookDeliveryConnection)
    async def webhook_deliveries(
        self, info: Info, webhook_id: WebhookId, first: First = 50, after: After = None, status: OfStatus = None
    ) -> Any:
        return await info.context.read(
            webhook_deliveries.list_webhook_deliveries, webhook_id, slice_=page(first, after), status=status
        )

    @ask_list(webhooks.list_webhooks, Webhook, bound=webhooks.WEBHOOKS_MAX)
    async def webhooks(self, info: Info, project_id: ProjectId) -> Any:
        return await info.context.read(webhooks.list_webhooks, project_id)


@strawberry.type
class WebhookMutation:
    """Root fields that change webhooks, and send again."""

    @change(webhooks.create_webhook, NewWebhookPayload)
    async def create_webhook(self, info: Info, project_id: ProjectId, input: NewInput) -> Any:
        return await info.context.run(
            webhooks.create_webhook,
            project_id,
            url=input.url,
            event_names=input.event_names,
            filters=input.filters,
            description=input.description,
        )

    @change(webhooks.update_webhook, WebhookPayload)
    async def update_webhook(
        self, info: Info, id: WebhookId, input: ChangeInput, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(webhooks.update_webhook, id, input.change(), idempotency_key=idempotency_key)

    @change(webhooks.delete_webhook, DonePayload)
    async def delete_webhook(self, info: Info, id: WebhookId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(webhooks.delete_webhook, id, idempotency_key=idempotency_key)

    @change(webhooks.rotate_webhook_secret, NewWebhookPayload)
    async def rotate_webhook_secret(self, info: Info, id: WebhookId) -> Any:
        return await info.context.run(webhooks.rotate_webhook_secret, id)

    @change(webhooks.disable_webhook, WebhookPayload)
    async def disable_webhook(self, info: Info, id: WebhookId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(webhooks.disable_webhook, id, idempotency_key=idempotency_key)

    @change(webhooks.enable_webhook, WebhookPayload)
    async def enable_webhook(self, info: Info, id: WebhookId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(webhooks.enable_webhook, id, idempotency_key=idempotency_key)

    @change(webhook_deliveries.send_test_event, WebhookDeliveryPayload)
    async def send_test_event(self, info: Info, webhook_id: WebhookId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(webhook_deliveries.send_test_event, webhook_id, idempotency_key=idempotency_key)

    @change(webhook_deliveries.redeliver, WebhookDeliveryPayload)
    async def redeliver(self, info: Info, id: DeliveryId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(webhook_deliveries.redeliver, id, idempotency_key=idempotency_key)

    @change(webhook_deliveries.replay_webhook, WebhookPayload)
    async def replay_webhook(
        self, info: Info, id: WebhookId, after: Cursor, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(webhook_deliveries.replay_webhook, id, after, idempotency_key=idempotency_key)
