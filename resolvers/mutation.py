"""The root of what can be changed."""

from __future__ import annotations

from strawberry.tools import merge_types

from resolvers.asset_files import AssetFileMutation
from resolvers.assets import AssetMutation
from resolvers.auth import AuthMutation
from resolvers.auto_cull import AutoCullMutation
from resolvers.client_choices import ClientChoiceMutation
from resolvers.clusters import ClusterMutation
from resolvers.culling import CullingMutation
from resolvers.exports import ExportMutation
from resolvers.galleries import GalleryMutation, GalleryPhotoMutation
from resolvers.gallery_downloads import GalleryDownloadMutation
from resolvers.gallery_guests import GalleryGuestMutation
from resolvers.jobs import JobMutation
from resolvers.members import MemberMutation
from resolvers.projects import ProjectMutation
from resolvers.rankers import RankerMutation
from resolvers.ratings import RatingMutation
from resolvers.shared_galleries import SharedGalleryMutation
from resolvers.uploads import UploadMutation
from resolvers.webhooks import WebhookMutation

Mutation = merge_types(
    "Mutation",
    (
        AuthMutation,
        ProjectMutation,
        MemberMutation,
        JobMutation,
        AssetMutation,
        RatingMutation,
        RankerMutation,
        GalleryMutation,
        GalleryPhotoMutation,
        GalleryGuestMutation,
        SharedGalleryMutation,
        GalleryDownloadMutation,
        ClusterMutation,
        ClientChoiceMutation,
        CullingMutation,
        AutoCullMutation,
        AssetFileMutation,
        UploadMutation,
        WebhookMutation,
        ExportMutation,
    ),
)
