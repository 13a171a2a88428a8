"""The root of what can be read."""

from __future__ import annotations

from strawberry.tools import merge_types

from resolvers.projects import ProjectQuery

Query = merge_types("Query", (ProjectQuery,))
