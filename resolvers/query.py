"""The root of what can be read."""

from __future__ import annotations

from strawberry.tools import merge_types

from resolvers.auth import AuthQuery
from resolvers.jobs import JobQuery
from resolvers.members import MemberQuery
from resolvers.nodes import NodeQuery
from resolvers.projects import ProjectQuery

Query = merge_types("Query", (NodeQuery, AuthQuery, ProjectQuery, MemberQuery, JobQuery))
