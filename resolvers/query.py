"""The root of what can be read."""

from __future__ import annotations

from strawberry.tools import merge_types

from resolvers.asset_files import AssetFileQuery
from resolvers.assets import AssetQuery
from resolvers.auth import AuthQuery
from resolvers.jobs import JobQuery
from resolvers.members import MemberQuery
from resolvers.nodes import NodeQuery
from resolvers.projects import ProjectQuery
from resolvers.uploads import UploadQuery

Query = merge_types(
    "Query", (NodeQuery, AuthQuery, ProjectQuery, MemberQuery, JobQuery, AssetQuery, AssetFileQuery, UploadQuery)
)
