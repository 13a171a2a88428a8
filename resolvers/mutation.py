"""The root of what can be changed."""

from __future__ import annotations

from strawberry.tools import merge_types

from resolvers.asset_files import AssetFileMutation
from resolvers.assets import AssetMutation
from resolvers.auth import AuthMutation
from resolvers.auto_cull import AutoCullMutation
from resolvers.clusters import ClusterMutation
from resolvers.culling import CullingMutation
from resolvers.jobs import JobMutation
from resolvers.members import MemberMutation
from resolvers.projects import ProjectMutation
from resolvers.rankers import RankerMutation
from resolvers.ratings import RatingMutation
from resolvers.uploads import UploadMutation

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
        ClusterMutation,
        CullingMutation,
        AutoCullMutation,
        AssetFileMutation,
        UploadMutation,
    ),
)
