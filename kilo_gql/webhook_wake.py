"""What wakes webhooks: a part of the statement that numbers events, so that no event is numbered without it.

Whatever dies, either the events are still in the outbox, or they are in the log and the jobs that send them are queued.
A project without webhooks, and one in which nothing happens, costs nothing.
"""

from __future__ import annotations

from typing import Final

from kilo_gql.domain.webhook_pump import FAILING, PAUSE
from kilo_gql.domain.webhook_rules import ASKED
from kilo_gql.jobs import QUEUES, TURN, JobType
from kilo_gql.models import Priority

_LEAST, _MOST = (f"interval '{pause.total_seconds()} s'" for pause in PAUSE)
_ASKED = ", ".join(f"'{name.value}'" for name in sorted(ASKED))

#: Queues a job for each webhook that wants one of the events in ``batch`` (project_id, name), and returns its id. As
#: ``webhooks.deliver_job`` says, one waits at a time; one that waits already is not claimed before the events can be
#: read. A webhook that fails is looked at after a pause.
WOKEN: Final = f"""
    INSERT INTO jobs (id, type, queue, priority, turn, once, arguments, status, attempts, lost, fence, not_before,
        cancel_requested, progress, remediation, created_at, updated_at)
    SELECT gen_random_uuid(), '{JobType.WEBHOOK_DELIVER.value}', f.queue, f.priority, 1 + {TURN},
        'webhook:' || w.id, jsonb_build_object('webhook_id', w.id), 'queued', 0, 0, 0,
        CASE WHEN w.failing_since IS NOT NULL
            THEN now() + least(greatest((now() - w.failing_since) / 4, {_LEAST}), {_MOST}) END,
        false, 0, '{{}}', now(), now()
    FROM webhooks w
    CROSS JOIN LATERAL (SELECT '{QUEUES[JobType.WEBHOOK_DELIVER].value}'::text AS queue, NULL::uuid AS project_id,
        CASE WHEN w.failing_since IS NULL THEN {int(Priority.NORMAL)} ELSE {int(FAILING)} END AS priority) f
    WHERE w.disabled_at IS NULL AND w.project_id IN (SELECT project_id FROM batch) AND EXISTS (
        SELECT FROM batch b WHERE b.project_id = w.project_id AND CASE WHEN cardinality(w.event_names) = 0
            THEN b.name NOT IN ({_ASKED}) ELSE b.name = ANY (w.event_names) END
    )
    ORDER BY w.id
    ON CONFLICT (once) WHERE status = 'queued' DO UPDATE SET
        priority = LEAST(jobs.priority, excluded.priority),
        turn = CASE WHEN excluded.priority < jobs.priority THEN excluded.turn ELSE jobs.turn END,
        not_before = CASE WHEN jobs.not_before IS NOT NULL AND excluded.not_before IS NOT NULL
            THEN LEAST(jobs.not_before, excluded.not_before) END
    RETURNING id
"""  # noqa: S608 - constants of ours
