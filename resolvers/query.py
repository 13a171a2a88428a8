"""The root of what can be read."""

from __future__ import annotations

from strawberry.tools import merge_types

from resolvers.asset_files import AssetFileQuery
from resolvers.assets import AssetQuery
from resolvers.auth import AuthQuery
from resolvers.auto_cull import AutoCullQuery
from resolvers.client_choices import ClientChoiceQuery
from resolvers.clusters import ClusterQuery
from resolvers.cull_statistics import CullStatisticsQuery
from resolvers.culling import CullingQuery
from resolvers.embeddings import EmbeddingQuery
from resolvers.exports import ExportQuery
from resolvers.galleries import GalleryQuery
from resolvers.gallery_guests import GalleryGuestQuery
from resolvers.jobs import JobQuery
from resolvers.members import MemberQuery
from resolvers.nodes import NodeQuery
from resolvers.projects import ProjectQuery
from resolvers.rankers import RankerQuery
from resolvers.shared_galleries import SharedGalleryQuery
from resolvers.signals import SignalQuery
from resolvers.uploads import UploadQuery
from resolvers.webhooks import WebhookQuery

Query = merge_types(
    "Query",
    (
        NodeQuery,
        AuthQuery,
        ProjectQuery,
        MemberQuery,
        JobQuery,
        AssetQuery,
        GalleryQuery,
        GalleryGuestQuery,
        SharedGalleryQuery,
        ClusterQuery,
        ClientChoiceQuery,
        AutoCullQuery,
        CullStatisticsQuery,
        CullingQuery,
        SignalQuery,
        EmbeddingQuery,
        RankerQuery,
        AssetFileQuery,
        UploadQuery,
        WebhookQuery,
        ExportQuery,
    ),
)
