"""What must be true of the rows alone, as statements that select whatever breaks it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Rule(StrEnum):
    """What is broken."""

    ORIGINAL = "original"
    FILE_OBJECT = "file object"
    RENDITION = "rendition"
    READINESS = "readiness"
    STRAY_OBJECT = "stray object"
    UPLOAD = "upload"
    LEFTOVER = "leftover"
    TWICE = "twice"
    JOB = "job"
    STUCK = "stuck"
    OUTBOX = "outbox"
    EVENTS = "events"
    IDEMPOTENCY = "idempotency"
    CLUSTER = "cluster"
    PIN = "pin"
    WEBHOOK = "webhook"


#: Each statement selects ``subject`` and ``says``; :lease and :lag are seconds.
ROWS: Final[dict[Rule, tuple[str, ...]]] = {
    Rule.ORIGINAL: (
        """
        SELECT a.id::text AS subject, 'a ready asset without its original' AS says FROM assets a
        WHERE a.status = 'ready' AND NOT EXISTS (SELECT FROM asset_files f WHERE f.asset_id = a.id
            AND f.kind IN ('original', 'sidecar') AND f.sha256 IS NOT NULL)
        """,
    ),
    Rule.READINESS: (
        """
        SELECT a.id::text AS subject, 'a preview is promised that is not there' AS says FROM assets a
        WHERE a.status = 'ready' AND a.preview_ready AND (SELECT count(*) FROM asset_files f
            WHERE f.asset_id = a.id AND f.kind IN ('preview', 'thumbnail', 'micro') AND f.variant = '') < 3
        """,
        """
        SELECT a.id::text AS subject, 'signals are promised that are not there' AS says FROM assets a
        WHERE a.signals_ready AND NOT EXISTS (SELECT FROM asset_signals s WHERE s.asset_id = a.id)
        """,
        """
        SELECT a.id::text AS subject, 'a vector is promised that is not there' AS says FROM assets a
        WHERE a.embedding_ready AND NOT EXISTS (SELECT FROM asset_embeddings e WHERE e.asset_id = a.id
            AND e.space = 'concept-v1')
        """,
    ),
    Rule.TWICE: (
        """
        SELECT asset_id::text AS subject, 'two files of the kind ' || kind || ' ' || variant AS says
        FROM asset_files GROUP BY asset_id, kind, variant HAVING count(*) > 1
        """,
        """
        SELECT sha256 AS subject, 'the same original twice in project ' || project_id AS says FROM asset_files
        WHERE kind IN ('original', 'sidecar') AND sha256 IS NOT NULL
        GROUP BY project_id, sha256, variant HAVING count(*) > 1
        """,
    ),
    Rule.JOB: (
        """
        SELECT id::text AS subject, 'runs, but its lease ended ' || (now() - lease_until) || ' ago' AS says FROM jobs
        WHERE status = 'running' AND lease_until < now() - make_interval(secs => :lease)
        """,
        """
        SELECT id::text AS subject, 'is ' || status || ' and not wholly so' AS says FROM jobs
        WHERE (status IN ('done', 'failed', 'canceled')) <> (finished_at IS NOT NULL)
            OR (status = 'running') <> (lease_until IS NOT NULL)
            OR status = 'running' AND attempts = 0 OR status = 'failed' AND error_code IS NULL
        """,
    ),
    Rule.STUCK: (
        """
        SELECT a.id::text AS subject, 'is processing, and no job works on it' AS says FROM assets a
        WHERE a.status = 'processing' AND NOT EXISTS (SELECT FROM jobs j
            WHERE j.asset_id = a.id AND j.type = 'asset.ingest' AND j.status IN ('queued', 'running'))
        """,
    ),
    Rule.OUTBOX: (
        """
        SELECT 'outbox' AS subject, count(*) || ' events wait for their number (does the API run?), the oldest since '
            || min(created_at) AS says FROM outbox
        WHERE created_at < now() - make_interval(secs => :lag) HAVING count(*) > 0
        """,
    ),
    Rule.EVENTS: (
        """
        SELECT s.project_id::text AS subject,
            format('%s events, %s to %s, in a log of %s to %s', e.n, e.first, e.last, s.first_seq, s.last_seq) AS says
        FROM event_streams s
        LEFT JOIN (SELECT project_id, count(*) AS n, min(seq) AS first, max(seq) AS last FROM events
            GROUP BY project_id) e USING (project_id)
        WHERE coalesce(e.n, 0) <> s.last_seq - s.first_seq + 1
            OR e.n > 0 AND (e.first <> s.first_seq OR e.last <> s.last_seq)
        """,
    ),
    Rule.IDEMPOTENCY: (
        """
        SELECT operation || ' ' || key AS subject, 'a key without an answer' AS says FROM idempotency_keys
        WHERE response -> 'value' IS NULL
        """,
    ),
    Rule.CLUSTER: (
        """
        SELECT m.asset_id::text AS subject, 'is a member of a ' || c.kind || ' as if of a ' || m.kind AS says
        FROM cluster_members m JOIN clusters c ON c.id = m.cluster_id WHERE m.kind <> c.kind
        """,
        """
        SELECT m.asset_id::text AS subject, 'its ' || c.kind || ' does not lie in its ' || coalesce(p.kind, 'moment')
            AS says
        FROM cluster_members m JOIN clusters c ON c.id = m.cluster_id JOIN assets a ON a.id = m.asset_id
        LEFT JOIN clusters p ON p.id = c.parent_id
        LEFT JOIN cluster_members o ON o.asset_id = m.asset_id AND o.kind = p.kind
        WHERE c.kind <> 'moment' AND (p.id IS NULL OR o.cluster_id IS DISTINCT FROM p.id)
            AND a.status = 'ready' AND a.trashed_at IS NULL AND a.parent_id IS NULL
        """,
        """
        SELECT a.id::text AS subject, 'is in no moment of a project that is grouped' AS says
        FROM assets a JOIN groupings g USING (project_id)
        WHERE g.grouped_revision = g.revision AND a.status = 'ready' AND a.trashed_at IS NULL AND a.parent_id IS NULL
            AND a.format IS DISTINCT FROM 'xmp'
            AND NOT EXISTS (SELECT FROM cluster_members m WHERE m.asset_id = a.id AND m.kind = 'moment')
            AND NOT EXISTS (SELECT FROM jobs j WHERE j.project_id = a.project_id AND j.type = 'project.cluster'
                AND j.status IN ('queued', 'running', 'failed'))
        """,
    ),
    Rule.PIN: (
        """
        SELECT p.asset_id::text AS subject, 'a gallery is pinned to a look of it that is not there' AS says
        FROM gallery_assets p WHERE p.pinned_sha256 IS NOT NULL AND NOT EXISTS (SELECT FROM asset_files f
            WHERE f.asset_id = p.asset_id AND f.kind = 'preview' AND f.sha256 = p.pinned_sha256)
        """,
        """
        SELECT f.key AS subject, 'is kept for galleries, and no gallery is pinned to it' AS says
        FROM asset_files f WHERE f.kind = 'preview' AND f.variant LIKE 'pin-%' AND NOT EXISTS (SELECT
            FROM gallery_assets p WHERE p.asset_id = f.asset_id AND p.pinned_sha256 = f.sha256)
        """,
        """
        SELECT p.asset_id::text AS subject, 'it is not as a gallery says of its look' AS says
        FROM gallery_assets p JOIN asset_files f ON f.asset_id = p.asset_id AND f.kind = 'preview' AND f.variant = ''
        WHERE p.pinned_sha256 IS NOT NULL AND (p.pinned_sha256 = f.sha256) = (p.changed_at IS NOT NULL)
        """,
    ),
    Rule.UPLOAD: (
        """
        SELECT id::text AS subject, 'counts ' || received || ' bytes, and its parts ' || counted AS says
        FROM (SELECT id, received, status,
            (SELECT coalesce(sum((part ->> 'size')::bigint), 0) FROM jsonb_array_elements(parts) part) AS counted
            FROM uploads) u
        WHERE status = 'receiving' AND received <> counted
        """,
        """
        SELECT u.id::text AS subject, 'is ' || u.status || ', and its asset ' || a.status AS says
        FROM uploads u JOIN assets a ON a.id = u.asset_id
        WHERE u.status = 'finalized' AND a.status = 'uploading'
        """,
    ),
    Rule.WEBHOOK: (
        """
        SELECT id::text AS subject, 'is ' || status || ' and not wholly so' AS says FROM webhook_deliveries
        WHERE (status = 'pending') <> (next_at IS NOT NULL) OR (status = 'delivered') <> (delivered_at IS NOT NULL)
            OR status = 'dead' AND error IS NULL
        """,
        """
        SELECT w.id::text AS subject, 'has looked at events that were never numbered' AS says FROM webhooks w
        CROSS JOIN installation i LEFT JOIN event_streams s USING (project_id)
        WHERE w.epoch = i.epoch AND w.seq > coalesce(s.last_seq, 0)
        """,
        """
        SELECT w.id::text AS subject, 'has something to send since ' || min(d.next_at) || ', and no job does it' AS says
        FROM webhooks w JOIN webhook_deliveries d ON d.webhook_id = w.id AND d.status = 'pending'
        JOIN projects p ON p.id = w.project_id
        WHERE w.disabled_at IS NULL AND p.status <> 'deleted' AND NOT EXISTS (SELECT FROM jobs j
            WHERE j.type = 'webhook.deliver' AND j.status IN ('queued', 'running')
                AND j.arguments ->> 'webhook_id' = w.id::text)
        GROUP BY w.id HAVING min(d.next_at) < now() - interval '2 hours'
        """,
    ),
}
