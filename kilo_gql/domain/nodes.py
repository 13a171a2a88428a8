"""Finding a thing by its id alone: ids are UUIDs, unique over all tables."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import literal, select, union_all

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.asset_rows import AssetDetail
from kilo_gql.domain.assets import get_asset
from kilo_gql.domain.cluster_rows import ClusterDetail
from kilo_gql.domain.clusters import get_cluster
from kilo_gql.domain.galleries import get_gallery
from kilo_gql.domain.gallery_rows import GalleryRow
from kilo_gql.errors import not_found
from kilo_gql.models import (
    ApiToken,
    Asset,
    Base,
    Cluster,
    Export,
    Gallery,
    Invitation,
    Job,
    Project,
    Session,
    Studio,
    User,
    Webhook,
    WebhookDelivery,
)
from kilo_gql.operations import operation

#: What ``node`` can answer with, and the permission it takes to read it.
NODES: Final[dict[type[Base], Perm]] = {
    Project: Perm.PROJECT_READ,
    Job: Perm.JOB_READ,
    Invitation: Perm.MEMBER_MANAGE,
    Studio: Perm.STUDIO_READ,
    User: Perm.ACCOUNT_READ,
    Session: Perm.ACCOUNT_READ,
    ApiToken: Perm.ACCOUNT_READ,
    Asset: Perm.ASSET_READ,
    Cluster: Perm.CLUSTER_READ,
    Export: Perm.EXPORT_READ,
    Gallery: Perm.GALLERY_READ,
    Webhook: Perm.WEBHOOK_MANAGE,
    WebhookDelivery: Perm.WEBHOOK_MANAGE,
}


@operation(Perm.ACCOUNT_READ)
async def get_node(tx: Tx, id: UUID) -> Base | AssetDetail | ClusterDetail | GalleryRow:
    """Anything that has an id, if the actor may see it."""
    kinds = {model.__name__: model for model in NODES}
    columns = ((name, model.id) for name, model in kinds.items())  # type: ignore[attr-defined]
    found = await tx.scalar(union_all(*(select(literal(name)).where(column == id) for name, column in columns)))
    if found is None:
        raise not_found("node")
    model = kinds[found]
    tx.ask(NODES[model])
    if model is Cluster:
        return await get_cluster.body(tx, id)
    if model is Gallery:
        return await get_gallery.body(tx, id)
    return await get_asset.body(tx, id) if model is Asset else await tx.get(model, id)
