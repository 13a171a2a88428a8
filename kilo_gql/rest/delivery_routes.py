"""Routes of what is delivered beside galleries: clients' choices, exports, webhooks."""

from __future__ import annotations

from typing import Final

from kilo_gql.domain import (
    choice_files,
    client_choices,
    exports,
    gallery_proposals,
    webhook_deliveries,
    webhooks,
)
from kilo_gql.rest import choice_files as cf
from kilo_gql.rest import choice_views as hv
from kilo_gql.rest import export_bodies as xb
from kilo_gql.rest import export_views as xv
from kilo_gql.rest import views as v
from kilo_gql.rest import webhook_bodies as wb
from kilo_gql.rest import webhook_views as wv
from kilo_gql.rest.machinery import RestRoute as R
from kilo_gql.rest.views import ListView, PageView

_EXPORT = "/exports/{exportId}"
_WEBHOOK = "/webhooks/{webhookId}"
_DELIVERY = "/webhookDeliveries/{deliveryId}"
_PROJECT = "/projects/{projectId}"
_ASSET = "/assets/{assetId}"

CHOICES: Final[list[R]] = [
    R("GET", f"{_ASSET}/client-choices", client_choices.get_client_choices, hv.ClientChoicesView),
    R(
        "GET",
        "/galleries/{galleryId}/choices",
        choice_files.gallery_choices,
        hv.GalleryChoicesView,
        query=cf.ChoicesQuery,
        respond=cf.respond,
    ),
    R(
        "GET",
        f"{_PROJECT}/gallery-proposals",
        gallery_proposals.list_gallery_proposals,
        PageView(hv.GalleryProposalView),
        query=cf.ProposalsQuery,
    ),
    R(
        "POST",
        "/gallery-proposals/{proposalId}:decide",
        gallery_proposals.decide_gallery_proposal,
        hv.GalleryProposalView,
        body=cf.DecideBody,
    ),
    R("GET", f"{_PROJECT}/client-regret", gallery_proposals.get_regret, hv.RegretView),
]

EXPORTS: Final[list[R]] = [
    R("POST", f"{_PROJECT}/exports", exports.create_export, xv.ExportView, body=xb.CreateExportBody, status=201),
    R("GET", f"{_PROJECT}/exports", exports.list_exports, PageView(xv.ExportView), query=xb.ExportsQuery),
    R("POST", f"{_PROJECT}/exports:preview", exports.preview_export, xv.ExportPlanView, body=xb.CreateExportBody),
    R("GET", _EXPORT, exports.get_export, xv.ExportView),
    R("DELETE", _EXPORT, exports.delete_export, v.NoView, status=204),
    R(
        "GET",
        f"{_EXPORT}/items",
        exports.list_export_items,
        PageView(xv.ExportItemView),
        query=xb.ExportItemsQuery,
    ),
    R("GET", f"{_EXPORT}/download", exports.get_export_download, xv.ExportLinkView),
    R("POST", f"{_EXPORT}:retry", exports.retry_export, xv.ExportView),
    R("POST", f"{_EXPORT}:cancel", exports.cancel_export, xv.ExportView),
]

WEBHOOKS: Final[list[R]] = [
    R("GET", f"{_PROJECT}/webhooks", webhooks.list_webhooks, ListView(wv.WebhookView)),
    R(
        "POST",
        f"{_PROJECT}/webhooks",
        webhooks.create_webhook,
        wv.NewWebhookView,
        body=wb.CreateWebhookBody,
        status=201,
    ),
    R("GET", _WEBHOOK, webhooks.get_webhook, wv.WebhookView),
    R("PATCH", _WEBHOOK, webhooks.update_webhook, wv.WebhookView, body=wb.UpdateWebhookBody),
    R("DELETE", _WEBHOOK, webhooks.delete_webhook, v.NoView, status=204),
    R("POST", f"{_WEBHOOK}:rotateSecret", webhooks.rotate_webhook_secret, wv.NewWebhookView),
    R("POST", f"{_WEBHOOK}:disable", webhooks.disable_webhook, wv.WebhookView),
    R("POST", f"{_WEBHOOK}:enable", webhooks.enable_webhook, wv.WebhookView),
    R("POST", f"{_WEBHOOK}:ping", webhook_deliveries.send_test_event, wv.WebhookDeliveryView),
    R(
        "POST",
        f"{_WEBHOOK}:replay",
        webhook_deliveries.replay_webhook,
        wv.WebhookView,
        body=wb.ReplayWebhookBody,
    ),
    R(
        "GET",
        f"{_WEBHOOK}/deliveries",
        webhook_deliveries.list_webhook_deliveries,
        PageView(wv.WebhookDeliveryView),
        query=wb.WebhookDeliveriesQuery,
    ),
    R("GET", _DELIVERY, webhook_deliveries.get_webhook_delivery, wv.WebhookDeliveryView),
    R("POST", f"{_DELIVERY}:redeliver", webhook_deliveries.redeliver, wv.WebhookDeliveryView),
]
