"""The root of what can be changed."""

from __future__ import annotations

from strawberry.tools import merge_types

from resolvers.projects import ProjectMutation

Mutation = merge_types("Mutation", (ProjectMutation,))
