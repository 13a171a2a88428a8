"""Undo and redo through both doors: each kind of step, and what others did meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kilo_gql.access import UserActor
from kilo_gql.models import Asset, CullState, Role, SetKind
from tests.support.cull_states import state
from tests.support.doors import Answer, Door
from tests.support.layouts import Layout
from tests.support.make import Make
from tests.support.ranked import Culled
from tests.support.traces import told

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Culler:
    """Somebody who culls a project through a door."""

    def __init__(self, door: Door, who: UserActor, layout: Layout) -> None:
        self.door, self.who, self.layout = door, who, layout

    async def do(self, operation: str, **arguments: Any) -> Answer:
        return await self.door.call(operation, self.who, **arguments)

    async def rate(self, name: str, **wish: Any) -> None:
        assert (await self.do("rate_asset", assetId=self.layout.ids[name], **wish)).error is None

    async def undo(self) -> Any:
        return (await self.do("undo_cull", projectId=self.layout.project.id)).ok

    async def redo(self) -> Any:
        return (await self.do("redo_cull", projectId=self.layout.project.id)).ok

    async def states(self) -> list[str]:
        log = (await self.do("list_cull_actions", projectId=self.layout.project.id)).ok["items"]
        return [step["state"] for step in log]


async def culler(door: Door, make: Make, line: str) -> Culler:
    ada = await make.user()
    return Culler(door, ada, await Layout.laid(make.db, await make.project(ada), line))


LINE = "ab(cd[ef]) | g(hi) | j"
_KINDS = {"cdef": "burst", "hi": "burst", "ef": "duplicate_group"}
_CLUSTERS = ("abcdef", "cdef", "ef", "ghi", "hi", "j")

#: Operation, its arguments by photos and clusters that are called by letters, and the kind of step that it is.
Ids = dict[str, Any]
STEPS: list[tuple[str, Callable[[Ids, Ids], dict[str, Any]], str]] = [
    ("rate_asset", lambda p, c: {"assetId": p["a"], "rating": 4, "notes": "x"}, "rate"),
    ("rate_assets", lambda p, c: {"ids": [p["a"], p["b"], p["j"]], "picked": True}, "rate"),
    (
        "apply_cull_action",
        lambda p, c: {"actions": [{"assetId": p["a"], "picked": False}, {"assetIds": [p["c"]], "rating": 2}]},
        "rate",
    ),
    ("set_winner", lambda p, c: {"clusterId": c["abcdef"], "winnerAssetId": p["f"]}, "winner"),
    ("reject_cluster", lambda p, c: {"clusterId": c["hi"]}, "reject_cluster"),
    ("lock_cluster", lambda p, c: {"clusterId": c["ef"]}, "lock"),
    ("update_cluster", lambda p, c: {"clusterId": c["ghi"], "reviewed": True}, "review"),
    ("update_cluster", lambda p, c: {"clusterId": c["ghi"], "title": "The rings"}, "rename"),
    (
        "update_cluster",
        lambda p, c: {"clusterId": c["ghi"], "title": "Cake", "manualOverrides": {"split": {"assetIds": [p["i"]]}}},
        "split",
    ),
    ("split_cluster", lambda p, c: {"clusterId": c["abcdef"], "assetIds": [p["d"], p["e"]]}, "split"),
    ("split_cluster", lambda p, c: {"clusterId": c["cdef"], "assetIds": [p["e"], p["f"]]}, "split"),
    ("split_cluster", lambda p, c: {"clusterId": c["ef"], "assetIds": [p["e"]]}, "split"),
    ("merge_clusters", lambda p, c: {"clusterIds": [c["abcdef"], c["ghi"], c["j"]]}, "merge"),
    ("merge_clusters", lambda p, c: {"clusterIds": [c["hi"], c["cdef"]]}, "merge"),
    (
        "move_assets",
        lambda p, c: {"clusterId": c["abcdef"], "assetIds": [p["a"], p["f"]], "targetClusterId": c["j"]},
        "move",
    ),
    (
        "move_assets",
        lambda p, c: {"clusterId": c["hi"], "assetIds": [p["h"], p["i"]], "targetClusterId": c["cdef"]},
        "move",
    ),
]


@pytest.mark.parametrize(("operation", "arguments", "kind"), STEPS)
async def test_a_step_back_and_again(
    door: Door, make: Make, operation: str, arguments: Callable[[Ids, Ids], dict[str, Any]], kind: str
) -> None:
    ada = await culler(door, make, LINE)
    project_id, db = ada.layout.project.id, make.db
    await Culled(db, ada.layout.project).consent(ada.who)
    await ada.rate("a", rating=1, starred=True)
    await ada.rate("h", picked=True)
    before = await state(db, project_id)
    clusters = {names: await ada.layout.of(names, _KINDS.get(names, "moment")) for names in _CLUSTERS}
    given = arguments(ada.layout.ids, clusters)
    where = {} if {"assetId", "clusterId", "clusterIds"} & given.keys() else {"projectId": project_id}
    answer = await ada.do(operation, **given, **where)
    assert answer.error is None
    after = await state(db, project_id)
    assert after != before
    log = (await ada.do("list_cull_actions", projectId=project_id)).ok["items"]
    undone = await ada.undo()
    assert await state(db, project_id) == before
    shown = {name: log[0][name] for name in ("kind", "title", "assetIds", "assetCount", "clusterIds", "focusAssetId")}
    flags = {"keptAssetIds": [], "keptClusterIds": [], "canUndo": True, "canRedo": True}
    assert undone == {**shown, **flags}
    assert undone["kind"] == kind
    assert undone["focusAssetId"] in map(str, ada.layout.ids.values())
    redone = await ada.redo()
    assert await state(db, project_id) == after
    assert redone == {**shown, **flags, "canRedo": False}
    await ada.undo()
    assert await state(db, project_id) == before
    assert await ada.states() == ["undone", "done", "done"]


async def test_a_kept_set_that_was_taken_apart(door: Door, make: Make) -> None:
    ada = await make.user()
    sets = {"kept_set": SetKind.BRACKET, "set_evidence": {"stepEv": 1.0, "frames": [1, 2, 3]}}
    layout = await Layout.laid(make.db, await make.project(ada), "(abc)", **sets)
    culler = Culler(door, ada, layout)
    before = await state(make.db, layout.project.id)
    named = (await culler.do("update_cluster", clusterId=await layout.of("abc", "burst"), title="Dawn")).ok
    assert (named["keptSet"], named["setEvidence"]) == ("bracket", sets["set_evidence"])
    await culler.do("split_cluster", clusterId=await layout.of("abc", "burst"), assetIds=layout["c"])
    shown = [(c.kind, c.kept_set, c.set_evidence) for c in (await layout.rows())[0]]
    assert sorted(shown, key=str) == [("burst", None, {}), ("moment", "bracket", sets["set_evidence"])]
    await culler.undo()
    await culler.undo()
    assert await state(make.db, layout.project.id) == before


async def test_nothing_to_undo(door: Door, make: Make) -> None:
    ada = await culler(door, make, "ab")
    project_id = ada.layout.project.id
    for operation, code in (("undo_cull", "nothing_to_undo"), ("redo_cull", "nothing_to_redo")):
        assert (await ada.do(operation, projectId=project_id)).code == code
    await ada.rate("a", picked=True)
    assert (await ada.do("redo_cull", projectId=project_id)).code == "nothing_to_redo"
    assert (await ada.undo())["canUndo"] is False
    before = await told(make.db, project_id)
    assert (await ada.do("undo_cull", projectId=project_id)).code == "nothing_to_undo"
    assert await told(make.db, project_id) == before
    # what others did is not mine to undo
    bob = Culler(door, await make.member(project_id, Role.EDITOR), ada.layout)
    await bob.rate("b", picked=True)
    assert (await ada.do("undo_cull", projectId=project_id)).code == "nothing_to_undo"


async def test_a_new_step_drops_what_was_undone(door: Door, make: Make) -> None:
    ada = await culler(door, make, "ab")
    for number in (1, 2, 3):
        await ada.rate("a", rating=number)
    await ada.undo()
    await ada.undo()
    assert await ada.states() == ["undone", "undone", "done"]
    await ada.rate("a", rating=5)
    assert await ada.states() == ["done", "dropped", "dropped", "done"]
    assert (await ada.do("redo_cull", projectId=ada.layout.project.id)).code == "nothing_to_redo"
    await ada.undo()
    assert await ada.states() == ["undone", "dropped", "dropped", "done"]
    assert (await ada.redo())["title"] == "Rate a.jpg 5 of 5"
    assert (await ada.undo())["canRedo"] is True
    assert (await ada.undo())["canUndo"] is False
    assert [(await ada.redo())["title"] for _ in range(2)] == ["Rate a.jpg 1 of 5", "Rate a.jpg 5 of 5"]
    assert (await ada.do("redo_cull", projectId=ada.layout.project.id)).code == "nothing_to_redo"


async def test_what_came_with_the_file_comes_back(door: Door, make: Make) -> None:
    ada = await culler(door, make, "ab")
    asset = Asset(id=ada.layout.ids["a"], project_id=ada.layout.project.id)
    await make.rating(asset, ada.who, rating=3, from_file=True)
    before = await state(make.db, ada.layout.project.id)
    await ada.rate("a", rating=5)
    await ada.rate("b", rating=3)
    await ada.undo()
    await ada.undo()
    assert await state(make.db, ada.layout.project.id) == before
    assert [row["from_file"] for row in before["ratings"]] == [True]


async def test_undo_is_live_and_learnt_from(door: Door, make: Make) -> None:
    ada = await culler(door, make, "ab")
    project_id = ada.layout.project.id
    await Culled(make.db, ada.layout.project).consent(ada.who)
    await ada.rate("a", picked=True, rating=4)
    assert len((await state(make.db, project_id))["picks"]) == 1
    before = len(await told(make.db, project_id))
    await ada.undo()
    assert (await state(make.db, project_id))["picks"] == []
    await ada.redo()
    assert len((await state(make.db, project_id))["picks"]) == 1
    who = {"userId": str(ada.who.user_id)}
    changed = [item for item in (await told(make.db, project_id))[before:] if item[0] == "asset.updated"]
    assert changed == [
        ("asset.updated", {"rating": {**who, "picked": None, "rating": None}}),
        ("asset.updated", {"rating": {**who, "picked": True, "rating": 4}}),
    ]


async def test_a_keyed_undo_is_one_undo(door: Door, make: Make) -> None:
    ada = await culler(door, make, "a")
    await ada.rate("a", rating=1)
    await ada.rate("a", rating=2)
    call = {"projectId": ada.layout.project.id, "key": "undo-once-and-only-once"}
    first, again = await ada.do("undo_cull", **call), await ada.do("undo_cull", **call)
    assert (first.replayed, again.replayed, first.ok) == (False, True, again.ok)
    assert await ada.states() == ["undone", "done"]


# --- others meanwhile ------------------------------------------------------------------------------------------------


async def two(door: Door, make: Make, line: str) -> tuple[Culler, Culler]:
    ada = await culler(door, make, line)
    bob = await make.member(ada.layout.project.id, Role.EDITOR)
    return ada, Culler(door, bob, ada.layout)


async def test_ratings_are_each_ones_own(door: Door, make: Make) -> None:
    ada, bob = await two(door, make, "ab")
    await ada.rate("a", picked=True)
    await bob.rate("a", picked=False)
    assert (await ada.undo())["keptAssetIds"] == []
    ratings = (await state(make.db, ada.layout.project.id))["ratings"]
    assert [(row["user_id"], row["picked"]) for row in ratings] == [(bob.who.user_id, False)]
    await bob.undo()
    assert (await state(make.db, ada.layout.project.id))["ratings"] == []


async def test_a_winner_somebody_else_changed(door: Door, make: Make) -> None:
    ada, bob = await two(door, make, "abc")
    layout, cluster_id = ada.layout, await ada.layout.of("abc")
    await ada.do("update_cluster", clusterId=cluster_id, title="Ada's")
    await ada.do("set_winner", clusterId=cluster_id, winnerAssetId=layout.ids["a"])
    await bob.do("set_winner", clusterId=cluster_id, winnerAssetId=layout.ids["b"])
    undone = await ada.undo()
    assert undone["keptClusterIds"] == [str(cluster_id)]
    [cluster], _ = await layout.rows()
    # the winner is Bob's; that it was reviewed was Ada's word, and is taken back
    assert (cluster.winner_asset_id, cluster.reviewed_at) == (layout.ids["b"], None)
    await ada.undo()
    [cluster], _ = await layout.rows()
    assert (cluster.title, cluster.winner_asset_id) == (None, layout.ids["b"])


@pytest.mark.parametrize(
    ("touch", "line", "kept"),
    [
        ({"reviewed": True}, "ab | cd", True),
        ({"manualOverrides": {"locked": True}}, "ab | cd", True),
        ({"title": "Bob's"}, "ab | cd", True),
        ({}, "abcd", False),
    ],
    ids=str,
)
async def test_a_split_in_which_somebody_else_works(
    door: Door, make: Make, touch: dict[str, Any], line: str, kept: bool
) -> None:
    ada, bob = await two(door, make, "abcd")
    layout = ada.layout
    await ada.do("split_cluster", clusterId=await layout.of("abcd"), assetIds=layout["cd"])
    made = await layout.of("cd")
    await bob.do("update_cluster", clusterId=made, **touch)
    undone = await ada.undo()
    assert await layout.line() == line
    assert (str(made) in undone["keptClusterIds"]) is kept
    assert (await state(make.db, layout.project.id))["decisions"] == []


async def test_photos_somebody_else_moved_on(door: Door, make: Make) -> None:
    ada, bob = await two(door, make, "abcd | e")
    layout = ada.layout
    await ada.do("split_cluster", clusterId=await layout.of("abcd"), assetIds=layout["cd"])
    moved = {"clusterId": await layout.of("cd"), "assetIds": layout["d"], "targetClusterId": await layout.of("e")}
    await bob.do("move_assets", **moved)
    assert await layout.line() == "ab | c | de"
    undone = await ada.undo()
    assert await layout.line() == "abc | de"  # d is where Bob wants it
    assert undone["keptClusterIds"] != []
    await ada.redo()
    assert await layout.line() == "ab | c | de"


async def test_a_cluster_somebody_else_merged(door: Door, make: Make) -> None:
    ada, bob = await two(door, make, "ab | cd")
    layout = ada.layout
    merged = await layout.of("cd")
    await ada.do("update_cluster", clusterId=merged, title="Cake", reviewed=True)
    await bob.do("update_cluster", clusterId=merged, reviewed=False)
    await bob.do("merge_clusters", clusterIds=[await layout.of("ab"), merged])
    before = await state(make.db, layout.project.id)
    assert (await ada.undo())["keptClusterIds"] == [str(merged)]
    assert await state(make.db, layout.project.id) == before
    assert (await layout.line(), [c.title for c in (await layout.rows())[0]]) == ("abcd", ["Cake"])


async def test_photos_that_are_gone(door: Door, make: Make) -> None:
    ada, _ = await two(door, make, "abcd")
    layout, project_id = ada.layout, ada.layout.project.id
    await ada.do("set_winner", clusterId=await layout.of("abcd"), winnerAssetId=layout.ids["d"], reviewed=False)
    await ada.do("set_winner", clusterId=await layout.of("abcd"), winnerAssetId=layout.ids["a"], reviewed=False)
    await ada.do("split_cluster", clusterId=await layout.of("abcd"), assetIds=layout["cd"])
    for operation in ("trash_assets", "purge_assets"):
        assert (await ada.do(operation, projectId=project_id, ids=layout["d"])).ok == {"count": 1}
    for _ in range(3):
        assert (await ada.do("undo_cull", projectId=project_id)).error is None
    clusters, members = await layout.rows()
    assert [(c.winner_asset_id, c.size) for c in clusters] == [(None, 3)]
    assert layout.names(member.asset_id for member in members) == "abc"
    for _ in range(3):
        assert (await ada.do("redo_cull", projectId=project_id)).error is None
    assert [c.size for c in (await layout.rows())[0]] == [2, 1]


async def test_the_log_in_pages(door: Door, make: Make) -> None:
    ada = await culler(door, make, "a")
    for number in (1, 2, 3, 4, 5):
        await ada.rate("a", rating=number)
    await ada.undo()
    seen: list[tuple[str, str]] = []
    more: dict[str, Any] = {}
    while not seen or more:
        page = (await ada.do("list_cull_actions", projectId=ada.layout.project.id, limit=2, **more)).ok
        seen += [(step["title"], step["state"]) for step in page["items"]]
        more = {"cursor": page["nextCursor"]} if page["nextCursor"] else {}
    assert seen == [
        (f"Rate a.jpg {number} of 5", str(CullState.UNDONE if number == 5 else CullState.DONE))
        for number in (5, 4, 3, 2, 1)
    ]
