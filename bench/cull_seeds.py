"""Clusters for a project that ``bench.seeds`` has filled: as grouping and ranking leave their rows.

Seven photos a moment: two bursts of three and one alone, which in every tenth moment is a copy of the photo before it.
Every moment and burst has a suggestion with three reasons.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import asyncpg
import orjson

#: $1 is the project in all of them. ``p`` are its photos in order of time: ``m`` the moment's number, ``i`` the place.
_PHOTOS: Final = """
CREATE TEMP TABLE p AS
SELECT id, sort_at, (row_number() OVER (ORDER BY sort_at, id) - 1) / 7 AS m,
    ((row_number() OVER (ORDER BY sort_at, id) - 1) % 7)::int AS i
FROM assets WHERE project_id = $1
"""
#: Which photos of a moment are in a cluster of this kind, by number.
_CLUSTERS: Final = """
CREATE TEMP TABLE c AS
SELECT uuidv7() AS id, kind, m, n, min(sort_at) AS start, max(sort_at) AS stop, count(*)::int AS size
FROM (
    SELECT 'moment' AS kind, m, 0 AS n, sort_at FROM p
    UNION ALL SELECT 'burst', m, i / 3, sort_at FROM p WHERE i < 6
    UNION ALL SELECT 'duplicate_group', m, 0, sort_at FROM p WHERE i >= 5 AND m % 10 = 0
) AS within GROUP BY kind, m, n HAVING kind = 'moment' OR count(*) > 1
"""
_INSERT: Final = (
    """
    INSERT INTO clusters (
        id, project_id, parent_id, kind, start_time, end_time, sort_at, size, set_evidence, updated_at
    )
    SELECT c.id, $1, CASE c.kind WHEN 'moment' THEN NULL ELSE o.id END, c.kind, c.start, c.stop, c.start, c.size, '{}',
        now()
    FROM c JOIN c AS o ON o.m = c.m AND o.kind = 'moment'
    """,
    """
    INSERT INTO cluster_members (project_id, asset_id, kind, cluster_id, place, link_reasons)
    SELECT $1, p.id, c.kind, c.id, row_number() OVER (PARTITION BY c.id ORDER BY p.i) - 1, 0
    FROM p JOIN c ON c.m = p.m AND CASE c.kind
        WHEN 'moment' THEN true WHEN 'burst' THEN p.i < 6 AND p.i / 3 = c.n ELSE p.i >= 5 END
    """,
)
#: Copies are no candidates. $2: the reasons.
_SUGGESTIONS: Final = """
INSERT INTO suggestions (
    id, project_id, cluster_id, asset_ids, scores, probabilities, band, chips, rest, rest_margin, basis, made_at
)
SELECT uuidv7(), $1, id, array_agg(asset_id ORDER BY rank), array_agg(1 - 0.1 * rank ORDER BY rank),
    array_agg(0.6 ^ rank / total ORDER BY rank), 'middle', $2, 0, 0, '\\x00', now()
FROM (
    SELECT *, sum(0.6 ^ rank) OVER (PARTITION BY id) AS total
    FROM (
        SELECT c.id, x.asset_id, row_number() OVER (PARTITION BY c.id ORDER BY (x.place * 5 + c.m) % 7, x.place) AS rank
        FROM c JOIN cluster_members x ON x.cluster_id = c.id JOIN p ON p.id = x.asset_id
        WHERE c.kind <> 'duplicate_group' AND NOT (p.i = 6 AND c.m % 10 = 0)
    ) AS ranked
) AS weighed GROUP BY id HAVING count(*) > 1
"""
_CHIP: Final = {
    "feature": "sharpness", "text": "sharpest", "best": True, "contribution": 0.41, "margin": 0.23, "difference": 0.12,
    "flip": 0.07, "personal": False, "tile": {"row": 3, "column": 4, "x": 0.5, "y": 0.4, "w": 0.02, "h": 0.03},
    "reason": "Sharpest frame",
}  # fmt: skip


async def cluster(connection: asyncpg.Connection, project_id: UUID) -> None:
    """Group and rank the photos of a project that are not grouped yet."""
    await connection.execute(_PHOTOS, project_id)
    await connection.execute(_CLUSTERS)
    async with connection.transaction():
        for statement in _INSERT:
            await connection.execute(statement, project_id)
    await connection.execute(_SUGGESTIONS, project_id, orjson.dumps([_CHIP] * 3).decode())
    await connection.execute("DROP TABLE p, c")
    await connection.execute("VACUUM ANALYZE")
