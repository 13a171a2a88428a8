"""A step that changes a cluster: opened under the right to do so, written and logged as one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from kilo_gql.db import Tx
from kilo_gql.domain import cluster_reads, cluster_store, clustering, cull_log, picks, rating_changes
from kilo_gql.domain.cluster_board import Board, Node
from kilo_gql.domain.cluster_rows import ClusterRow
from kilo_gql.domain.cluster_shapes import Decision
from kilo_gql.errors import BadRequest, Conflict, not_found
from kilo_gql.models import Cluster, ClusterKind, CullKind

#: Ids a refusal names.
NAMED: Final = 20
#: What is said of a photo that was chosen, and of one that goes: each takes back the other.
PICKED: Final[Mapping[str, Any]] = {"picked": True, "rejected": None}
REJECTED: Final[Mapping[str, Any]] = {"picked": None, "rejected": True}

_NOUNS: Final = {
    ClusterKind.MOMENT: "moment",
    ClusterKind.BURST: "burst",
    ClusterKind.DUPLICATE_GROUP: "duplicate group",
}


@dataclass(slots=True)
class Step:
    """A step in the making. ``words``: what is said of photos; ``opened``: clusters it unlocks before anything else.

    ``chosen``: the cluster whose winner it decides.
    """

    project_id: UUID
    board: Board
    kind: CullKind
    title: str = ""
    words: dict[UUID, Mapping[str, Any]] = field(default_factory=dict)
    opened: set[UUID] = field(default_factory=set)
    decision: Decision | None = None
    focus: UUID | None = None
    chosen: UUID | None = None

    def node(self, cluster_id: UUID) -> Node:
        """A cluster that the step is about. Raises NotFound if it is not there, or not any more."""
        found = self.board.nodes.get(cluster_id)
        if found is None:
            raise not_found("cluster")
        return found


async def start(
    tx: Tx, cluster_id: UUID, kind: CullKind, *, others: Collection[UUID] = (), whole: bool = False, held: bool = True
) -> Step:
    """Begin a step about a cluster. ``whole``: photos may change their clusters. ``held``: grouping depends on it."""
    cluster = await tx.get(Cluster, cluster_id)
    await cull_log.turn(tx)
    if held:
        await clustering.decided(tx, cluster.project_id)
    read = cluster_store.board if whole else cluster_store.bare
    step = Step(cluster.project_id, await read(tx, cluster.project_id, {cluster_id, *others}), kind)
    step.node(cluster_id)
    return step


async def finish(tx: Tx, step: Step) -> None:
    """Write a step, if it changes anything. Raises Conflict ``cluster_locked`` before anything is written."""
    _refuse_shut(step)
    edit = await cluster_store.write(tx, step.project_id, step.board)
    known = await rating_changes.words(tx, step.project_id, step.words) if step.words else {}
    changes = await rating_changes.say(tx, step.project_id, step.words, known)
    if not (edit.cluster_ids or changes.ids):
        return
    action_id = await cull_log.record(
        tx,
        step.project_id,
        kind=step.kind,
        title=step.title,
        asset_ids=list(dict.fromkeys((*changes.ids, *edit.asset_ids))),
        cluster_ids=edit.cluster_ids,
        focus=step.focus,
        before={"ratings": changes.before, **edit.before},
        after={"ratings": changes.after, **edit.after},
        decision=step.decision,
    )
    if changes.choice or step.chosen is not None:
        await picks.note(tx, action_id, step.project_id, changes.ids, cluster_id=step.chosen)


async def shown(tx: Tx, cluster_id: UUID) -> ClusterRow:
    """The cluster as the actor sees it. Raises NotFound."""
    found = (await cluster_reads.rows(tx, [cluster_id])).get(cluster_id)
    if found is None:
        raise not_found("cluster")
    return found


def called(node: Node) -> str:
    """A cluster in words."""
    noun = _NOUNS[node.kind]
    return f"a {noun} of {node.size}" if node.title is None else f"the {noun} “{node.title}”"


def plural(kind: ClusterKind) -> str:
    """Several clusters of a kind in words."""
    return f"{_NOUNS[kind]}s"


def not_in_cluster(missing: Collection[UUID]) -> BadRequest:
    """Photos were named that are not in the cluster."""
    return BadRequest(
        "Not all of these photos are in the cluster; nothing was changed.",
        code="not_in_cluster",
        details={"assetIds": [str(id_) for id_ in list(missing)[:NAMED]], "count": len(missing)},
        remediation=["Read the cluster again: its photos may have moved.", "Leave them out."],
    )


def _refuse_shut(step: Step) -> None:
    shut = step.board.shut(step.opened)
    if shut:
        raise Conflict(
            "A cluster that is reviewed or locked stays as it is; nothing was changed.",
            code="cluster_locked",
            details={"clusterIds": [str(id_) for id_ in shut[:NAMED]], "count": len(shut)},
            remediation=["Unlock the cluster, and mark it as not reviewed.", "Then do it again."],
        )
