"""Culling by hand: bulk actions, and what people decide about clusters, through both doors."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from kilo_gql.access import Perm, System
from kilo_gql.models import Asset, CullAction, Role
from kilo_gql.models.base import uuid7
from tests.support.doors import Door
from tests.support.layouts import Layout
from tests.support.make import Make
from tests.support.ranked import Culled
from tests.support.traces import told

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIELDS = ("rating", "picked", "rejected", "starred", "notes")


async def said(door: Door, who: Any, layout: Layout) -> dict[str, list[Any]]:
    """What somebody says of each photo, as far as they say something."""
    found = {}
    for name, id_ in layout.ids.items():
        answer = (await door.call("rate_asset", who, assetId=id_)).ok
        if any(answer[field] is not None for field in FIELDS):
            found[name] = [answer[field] for field in FIELDS]
    return found


async def titles(door: Door, who: Any, layout: Layout) -> list[tuple[str, str, str, int]]:
    log = (await door.call("list_cull_actions", who, projectId=layout.project.id)).ok["items"]
    return [(step["kind"], step["state"], step["title"], step["assetCount"]) for step in log]


async def changes(make: Make, layout: Layout) -> list[tuple[str, dict[str, Any]]]:
    """What the project was told, but for jobs."""
    return [(name, changed) for name, changed in await told(make.db, layout.project.id) if not name.startswith("job")]


async def regroupings(make: Make, layout: Layout) -> int:
    """How many jobs that group the project were asked for."""
    asked = [changed for name, changed in await told(make.db, layout.project.id) if name.startswith("job")]
    return len([changed for changed in asked if changed["type"] == "project.cluster"])


# --- bulk actions ----------------------------------------------------------------------------------------------------


async def test_every_photo_has_its_own_wish(door: Door, make: Make) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "abcd")
    a, b, c, d = layout["abcd"]
    await door.call("rate_asset", ada, assetId=c, picked=True)
    before = len(await told(make.db, layout.project.id))
    answer = await door.call(
        "apply_cull_action",
        ada,
        projectId=layout.project.id,
        actions=[
            {"assetId": d, "rejected": True},
            {"assetId": a, "picked": True, "rating": 5},
            {"assetId": c, "picked": True},
            {"assetId": b, "rejected": True},
            {"assetId": a, "starred": True, "rating": 4},
        ],
    )
    assert answer.ok == {"ok": True, "updatedAssetIds": [str(a), str(b), str(d)]}
    assert await said(door, ada, layout) == {
        "a": [4, True, None, True, None],
        "b": [None, None, True, None, None],
        "c": [None, True, None, None, None],
        "d": [None, None, True, None, None],
    }
    who = {"userId": str(ada.user_id)}
    assert (await told(make.db, layout.project.id))[before:] == [
        ("asset.updated", {"rating": {**who, "picked": True, "rating": 4, "starred": True}}),
        ("asset.updated", {"rating": {**who, "rejected": True}}),
    ]
    assert await titles(door, ada, layout) == [
        ("rate", "done", "Cull 3 photos", 3),
        ("rate", "done", "Pick c.jpg", 1),
    ]


async def test_all_or_nothing(door: Door, make: Make) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "ab")
    elsewhere = (await make.asset(await make.project(ada))).id
    absent = [uuid7() for _ in range(30)]
    actions = [{"assetId": id_, "picked": True} for id_ in (*layout["ab"], elsewhere, *absent)]
    answer = await door.call("apply_cull_action", ada, projectId=layout.project.id, actions=actions)
    assert (answer.code, answer.error["details"]) == (
        "assets_not_found",
        {"assetIds": [str(elsewhere), *map(str, absent[:19])], "count": 31},
    )
    bad = [{"assetId": layout.ids["a"], "picked": True}, {"assetId": layout.ids["b"], "rating": 6}]
    refused = await door.call("apply_cull_action", ada, projectId=layout.project.id, actions=bad)
    assert refused.code == "bad_request"
    nothing = await door.call("apply_cull_action", ada, projectId=layout.project.id, actions=[])
    assert nothing.code == "bad_request"
    assert await said(door, ada, layout) == {}
    assert await told(make.db, layout.project.id) == []
    assert await titles(door, ada, layout) == []


async def test_a_keyed_batch_is_replayed(door: Door, make: Make) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "a")
    batch: dict[str, Any] = {
        "projectId": layout.project.id,
        "actions": [{"assetId": layout.ids["a"], "picked": True}],
        "key": "once-and-once-only",
    }
    first = await door.call("apply_cull_action", ada, **batch)
    await door.call("rate_asset", ada, assetId=layout.ids["a"], picked=None)
    again = await door.call("apply_cull_action", ada, **batch)
    assert (first.replayed, again.replayed, again.ok) == (False, True, first.ok)
    assert await said(door, ada, layout) == {}
    assert len(await titles(door, ada, layout)) == 2


async def test_keyed_edits_are_replayed(door: Door, make: Make) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "abcd")
    cluster_id = await layout.of("abcd")
    calls: list[tuple[str, dict[str, Any]]] = [
        ("set_winner", {"clusterId": cluster_id, "winnerAssetId": layout.ids["a"], "reviewed": False}),
        ("split_cluster", {"clusterId": cluster_id, "assetIds": layout["cd"]}),
    ]
    for operation, arguments in calls:
        first = await door.call(operation, ada, **arguments, key=f"key-of-{operation}")
        again = await door.call(operation, ada, **arguments, key=f"key-of-{operation}")
        assert (first.replayed, again.replayed, again.ok) == (False, True, first.ok)
    assert await layout.line() == "ab | cd"
    assert len(await titles(door, ada, layout)) == 2


async def test_steps_in_words(door: Door, make: Make) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "abc")
    wishes: list[tuple[dict[str, Any], str]] = [
        ({"picked": True}, "Pick {}"),
        ({"picked": False}, "Unpick {}"),
        ({"rejected": True, "picked": None}, "Reject {}"),
        ({"rejected": None}, "Unreject {}"),
        ({"starred": True}, "Star {}"),
        ({"rating": 3}, "Rate {} 3 of 5"),
        ({"rating": None}, "Unrate {}"),
        ({"notes": "sharp"}, "Write a note on {}"),
        ({"notes": None}, "Clear the note on {}"),
        ({"rating": 5, "picked": True}, "Cull {}"),
    ]
    for wish, _ in wishes:
        await door.call("rate_asset", ada, assetId=layout.ids["a"], **wish)
        await door.call("rate_assets", ada, projectId=layout.project.id, ids=layout["abc"], **wish)
    log = [title for _, _, title, _ in await titles(door, ada, layout)]
    assert log[::-1] == [title.format(what) for _, title in wishes for what in ("a.jpg", "2 photos")]


# --- winners, reviews, names -----------------------------------------------------------------------------------------


async def test_a_winner_is_picked_and_its_cluster_done(door: Door, make: Make) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "ab(cd)")
    burst = await layout.of("cd", "burst")
    answer = (await door.call("set_winner", ada, clusterId=burst, winnerAssetId=layout.ids["d"])).ok
    shown = {name: answer[name] for name in ("id", "winnerAssetId", "preselected", "reviewed", "reviewedBy", "locked")}
    assert shown == {
        "id": str(burst),
        "winnerAssetId": str(layout.ids["d"]),
        "preselected": False,
        "reviewed": True,
        "reviewedBy": str(ada.user_id),
        "locked": False,
    }
    assert await said(door, ada, layout) == {"d": [None, True, None, None, None]}
    assert await changes(make, layout) == [
        ("cluster.updated", {"reviewed": True, "winnerAssetId": str(layout.ids["d"])}),
        ("asset.updated", {"rating": {"userId": str(ada.user_id), "picked": True, "rejected": None}}),
    ]
    assert await titles(door, ada, layout) == [("winner", "done", "Choose the best of a burst of 2", 1)]
    # what was said already is not said again
    again = await door.call("set_winner", ada, clusterId=burst, winnerAssetId=layout.ids["d"])
    assert again.ok == answer
    assert len(await titles(door, ada, layout)) == 1


async def test_a_winner_alone(door: Door, make: Make) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "ab")
    cluster = {"clusterId": await layout.of("ab")}
    chosen = {**cluster, "winnerAssetId": layout.ids["a"], "pick": False, "reviewed": False}
    answer = (await door.call("set_winner", ada, **chosen)).ok
    assert (answer["winnerAssetId"], answer["reviewed"]) == (str(layout.ids["a"]), False)
    assert await said(door, ada, layout) == {}
    none = (await door.call("set_winner", ada, **cluster, winnerAssetId=None)).ok
    assert (none["winnerAssetId"], none["reviewed"]) == (None, True)
    assert (await titles(door, ada, layout))[0] == ("winner", "done", "Choose none of a moment of 2", 0)


async def test_no_winner_from_elsewhere(door: Door, make: Make) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "ab | c")
    before = await layout.rows()
    answer = await door.call("set_winner", ada, clusterId=await layout.of("ab"), winnerAssetId=layout.ids["c"])
    assert (answer.code, answer.error["details"]) == (
        "not_in_cluster",
        {"assetIds": [str(layout.ids["c"])], "count": 1},
    )
    assert _columns(await layout.rows()) == _columns(before)
    assert await told(make.db, layout.project.id) == []


@pytest.mark.parametrize(
    ("band", "words", "winner", "picks"),
    [
        ("high", {}, "b", ["b"]),
        ("high", {"a": {"rejected": True}}, "b", ["b"]),
        ("high", {"a": {"picked": True}}, None, ["a"]),
        ("high", {"b": {"rejected": True}}, None, []),
        ("middle", {}, None, []),
        ("low", {}, None, []),
    ],
    ids=str,
)
async def test_who_is_done_agrees_with_what_is_preselected(
    door: Door, make: Make, band: str, words: dict[str, Any], winner: str | None, picks: list[str]
) -> None:
    ada = await make.user()
    project = await make.project(ada)
    layout = await Layout.laid(make.db, project, "ab")
    cluster_id = await layout.of("ab")
    [cluster], _ = await layout.rows()
    photos = [Asset(id=id_) for id_ in layout["ba"]]
    await Culled(make.db, project).suggest(cluster, photos, [0.9, 0.1], band=band)
    for name, wish in words.items():
        await door.call("rate_asset", ada, assetId=layout.ids[name], **wish)
    answer = (await door.call("update_cluster", ada, clusterId=cluster_id, reviewed=True)).ok
    assert (answer["reviewed"], answer["winnerAssetId"]) == (True, winner and str(layout.ids[winner]))
    assert [name for name, fields in (await said(door, ada, layout)).items() if fields[1]] == picks
    assert (await titles(door, ada, layout))[0][:3] == ("review", "done", "Finish a moment of 2")


async def test_names_and_locks(door: Door, make: Make) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "abc")
    cluster = {"clusterId": await layout.of("abc")}
    named = (await door.call("update_cluster", ada, **cluster, title="  The vows ")).ok
    assert named["title"] == "The vows"
    assert await regroupings(make, layout) == 0  # a name says nothing about who is together
    assert (await door.call("lock_cluster", ada, **cluster)).ok["locked"] is True
    assert (await door.call("lock_cluster", ada, **cluster)).ok["locked"] is True
    assert (await door.call("unlock_cluster", ada, **cluster)).ok["locked"] is False
    assert (await door.call("update_cluster", ada, **cluster, manualOverrides={"locked": True})).ok["locked"] is True
    assert (await door.call("update_cluster", ada, **cluster, title=None, reviewed=True)).ok["title"] is None
    assert (await door.call("update_cluster", ada, **cluster, reviewed=False)).ok["reviewed"] is False
    assert [step[:3] for step in await titles(door, ada, layout)] == [
        ("review", "done", "Reopen a moment of 3"),
        ("review", "done", "Finish the moment “The vows”"),
        ("lock", "done", "Lock the moment “The vows”"),
        ("lock", "done", "Unlock the moment “The vows”"),
        ("lock", "done", "Lock the moment “The vows”"),
        ("rename", "done", "Rename a moment of 3"),
    ]
    for bad in ("", "x" * 501, "two\nlines"):
        assert (await door.call("update_cluster", ada, **cluster, title=bad)).code == "bad_request"


async def test_a_whole_cluster_goes(door: Door, make: Make) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "a(bc) | d")
    moment = await layout.of("abc")
    await door.call("rate_asset", ada, assetId=layout.ids["a"], picked=True, rating=4)
    await door.call("set_winner", ada, clusterId=moment, winnerAssetId=layout.ids["b"])
    answer = (await door.call("reject_cluster", ada, clusterId=moment)).ok
    assert (answer["reviewed"], answer["winnerAssetId"]) == (True, None)
    assert await said(door, ada, layout) == {
        "a": [4, None, True, None, None],
        "b": [None, None, True, None, None],
        "c": [None, None, True, None, None],
    }
    assert (await titles(door, ada, layout))[0] == ("reject_cluster", "done", "Reject all of a moment of 3", 3)


# --- splits, merges, moves -------------------------------------------------------------------------------------------

SPLITS = [
    ("abcd", "moment", "abcd", "cd", "ab | cd", ["ab", "cd"]),
    ("abcd", "moment", "abcd", "b", "acd | b", ["acd", "b"]),
    ("a(bcd)e", "moment", "abcde", "ce", "a(bd) | ce", ["abd", "ce"]),
    ("a(bcd)e", "moment", "abcde", "de", "a(bc) | de", ["abc", "de"]),
    ("a(bcde)f", "moment", "abcdef", "def", "a(bc) | (de)f", ["abc", "def"]),
    ("(a[bc]d)e", "moment", "abcde", "cde", "(ab) | (cd)e", ["ab", "cde"]),
    ("([ab]cd)", "moment", "abcd", "cd", "[ab] | (cd)", ["ab", "cd"]),
    ("a(bcd)e", "burst", "bcd", "cd", "ab(cd)e", ["cd"]),
    ("a(bcde)f", "burst", "bcde", "ce", "a(bd)(ce)f", ["bd", "ce"]),
    ("(a[bcd]e)", "burst", "abcde", "cde", "(ab)([cd]e)", ["ab", "cde"]),
    ("a[bcd]", "duplicate_group", "bcd", "d", "a[bc]d", ["bc"]),
    ("(a[bcde])", "duplicate_group", "bcde", "de", "(a[bc][de])", ["bc", "de"]),
]


@pytest.mark.parametrize(("line", "kind", "cluster", "taken", "after", "answer"), SPLITS)
async def test_splits(
    door: Door, make: Make, line: str, kind: str, cluster: str, taken: str, after: str, answer: list[str]
) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), line)
    assert await layout.line() == line
    id_ = await layout.of(cluster, kind)
    parts = (await door.call("split_cluster", ada, clusterId=id_, assetIds=layout[taken])).ok
    assert await layout.line() == after
    assert [(part["kind"], layout.names(part["assetIds"])) for part in parts] == [(kind, names) for names in answer]
    assert [part["id"] for part in parts if not set(layout.names(part["assetIds"])) <= set(taken)] in ([str(id_)], [])
    rest = "".join(name for name in cluster if name not in taken)
    assert await _decisions(make, layout) == [(kind, "split", [rest, taken])]
    assert (await titles(door, ada, layout))[0][1:3][0] == "done"


@pytest.mark.parametrize(
    ("line", "kind", "clusters", "after", "decided"),
    [
        ("ab | cd | e", "moment", ["ab", "cd"], "abcd | e", [("moment", "abcd")]),
        ("ab | cd | e", "moment", ["e", "ab", "cd"], "abcde", [("moment", "abcde")]),
        ("a(bc) | (de)f", "moment", ["abc", "def"], "a(bc)(de)f", [("moment", "abcdef")]),
        ("a(bc)(de)", "burst", ["bc", "de"], "a(bcde)", [("burst", "bcde")]),
        ("a(bc) | (de)f | g", "burst", ["bc", "de"], "a(bcde)f | g", [("moment", "abcdef"), ("burst", "bcde")]),
        ("a[bc]d[ef]", "duplicate_group", ["bc", "ef"], "a[bcef]d", [("duplicate_group", "bcef")]),
        (
            "(a[bc]) | ([de]f)",
            "duplicate_group",
            ["bc", "de"],
            "(a[bcde]f)",
            [("moment", "abcdef"), ("burst", "abcdef"), ("duplicate_group", "bcde")],
        ),
        (
            "a[bc](d[ef])",
            "duplicate_group",
            ["bc", "ef"],
            "a([bcef]d)",
            [("burst", "bcdef"), ("duplicate_group", "bcef")],
        ),
    ],
)
async def test_merges(
    door: Door, make: Make, line: str, kind: str, clusters: list[str], after: str, decided: list[tuple[str, str]]
) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), line)
    ids = [await layout.of(names, kind) for names in clusters]
    await door.call("update_cluster", ada, clusterId=ids[-1], title="Last")
    answer = (await door.call("merge_clusters", ada, clusterIds=ids)).ok
    assert await layout.line() == after
    assert (answer["id"], answer["title"]) == (str(ids[0]), "Last")
    assert layout.names(answer["assetIds"]) == "".join(sorted("".join(clusters)))
    assert [(at, "".join(sorted(ids))) for at, _, [ids] in await _decisions(make, layout)] == decided


MOVES = [
    ("ab | cd", "moment", "ab", "b", "cd", "a | bcd", ["a", "bcd"]),
    ("ab | cd", "moment", "ab", "ab", "cd", "abcd", ["abcd"]),
    ("a(bc) | d", "moment", "abc", "c", "d", "ab | cd", ["ab", "cd"]),
    ("ab | cd", "moment", "ab", "a", None, "b | a | cd", ["b", "a"]),
    ("a(bcd)(ef)", "burst", "bcd", "d", "ef", "a(bc)(def)", ["bc", "def"]),
    ("a(bcd) | (ef)", "burst", "bcd", "cd", "ef", "ab | (cdef)", ["cdef"]),
    ("a[bc] | d(e[fg])", "duplicate_group", "bc", "c", "fg", "ab | ([cfg]e)d", ["cfg"]),
]


@pytest.mark.parametrize(("line", "kind", "source", "taken", "target", "after", "answer"), MOVES)
async def test_moves(
    door: Door,
    make: Make,
    line: str,
    kind: str,
    source: str,
    taken: str,
    target: str | None,
    after: str,
    answer: list[str],
) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), line)
    where = {} if target is None else {"targetClusterId": await layout.of(target, kind)}
    arguments = {"clusterId": await layout.of(source, kind), "assetIds": layout[taken], **where}
    parts = (await door.call("move_assets", ada, **arguments)).ok
    shown = " | ".join(sorted((await layout.line()).split(" | ")))
    assert shown == " | ".join(sorted(after.split(" | ")))
    assert [layout.names(part["assetIds"]) for part in parts] == answer


async def test_overrides_by_patch(door: Door, make: Make) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "abcd | e | (fg)")
    id_ = await layout.of("abcd")
    split = {"split": {"assetIds": layout["d"]}}
    answer = (await door.call("update_cluster", ada, clusterId=id_, title="Vows", manualOverrides=split)).ok
    assert (layout.names(answer["assetIds"]), answer["title"], answer["id"]) == ("abc", "Vows", str(id_))
    merge = {"merge": {"clusterIds": [await layout.of("e")]}, "locked": True}
    answer = (await door.call("update_cluster", ada, clusterId=id_, manualOverrides=merge)).ok
    assert (layout.names(answer["assetIds"]), answer["locked"]) == ("abce", True)
    move = {"move": {"assetIds": layout["c"], "targetClusterId": await layout.of("d")}, "locked": False}
    answer = (await door.call("update_cluster", ada, clusterId=id_, manualOverrides=move)).ok
    assert (layout.names(answer["assetIds"]), answer["locked"]) == ("abe", False)
    burst = {"split": {"assetIds": layout["g"]}}
    gone = await door.call("update_cluster", ada, clusterId=await layout.of("fg", "burst"), manualOverrides=burst)
    assert (gone.ok["kind"], layout.names(gone.ok["assetIds"])) == ("moment", "fg")
    assert [step[:3] for step in await titles(door, ada, layout)] == [
        ("split", "done", "Split 1 photo off a burst of 2"),
        ("move", "done", "Move 1 photo to a moment of 1"),
        ("merge", "done", "Merge 2 moments"),
        ("split", "done", "Split 1 photo off a moment of 4"),
    ]
    both = {"split": {"assetIds": layout["a"]}, "merge": {"clusterIds": [await layout.of("cd")]}}
    assert (await door.call("update_cluster", ada, clusterId=id_, manualOverrides=both)).code == "bad_request"
    assert sorted((await layout.line()).split(" | ")) == ["abe", "cd", "fg"]


async def test_what_is_live(door: Door, make: Make) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "a(bcd)")
    moment, burst = await layout.of("abcd"), await layout.of("bcd", "burst")
    await door.call("split_cluster", ada, clusterId=moment, assetIds=layout["d"])
    assert sorted(await changes(make, layout), key=str) == [
        ("cluster.updated", {"assetIds": "changed"}),
        ("cluster.updated", {"created": True, "kind": "moment", "parentId": None}),
    ]
    assert await regroupings(make, layout) == 1
    changed = {row.id: row.updated_at for row in (await layout.rows())[0]}
    await door.call("merge_clusters", ada, clusterIds=[moment, await layout.of("d")])
    assert sorted((await changes(make, layout))[2:], key=str) == [
        ("cluster.updated", {"assetIds": "changed"}),
        ("cluster.updated", {"deleted": True}),
    ]
    after = {row.id: row.updated_at for row in (await layout.rows())[0]}
    assert after[moment] > changed[moment]
    assert after[burst] == changed[burst]


@pytest.mark.parametrize("shut", ["reviewed", "locked"])
async def test_what_is_closed_stays(door: Door, make: Make, shut: str) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "a(bc)d | e(fg)")
    one, other, burst = await layout.of("abcd"), await layout.of("efg"), await layout.of("bc", "burst")
    close: dict[str, Any] = {"reviewed": {"reviewed": True}, "locked": {"manualOverrides": {"locked": True}}}[shut]
    for id_ in (one, burst):
        await door.call("update_cluster", ada, clusterId=id_, **close)
    before, events = await layout.rows(), await told(make.db, layout.project.id)
    refusals = [
        (await door.call("split_cluster", ada, clusterId=one, assetIds=layout["d"]), [one]),
        (await door.call("merge_clusters", ada, clusterIds=[other, one]), [one]),
        (await door.call("move_assets", ada, clusterId=other, assetIds=layout["e"], targetClusterId=one), [one]),
        (await door.call("move_assets", ada, clusterId=one, assetIds=layout["a"], targetClusterId=other), [one]),
        (await door.call("split_cluster", ada, clusterId=burst, assetIds=layout["c"]), [burst]),
        (await door.call("merge_clusters", ada, clusterIds=[await layout.of("fg", "burst"), burst]), [one, burst]),
    ]
    for answer, clusters in refusals:
        assert answer.code == "cluster_locked"
        assert sorted(answer.error["details"]["clusterIds"]) == sorted(map(str, clusters))
    assert _columns(await layout.rows()) == _columns(before)
    assert await told(make.db, layout.project.id) == events
    # the moment around may change as long as the burst in it goes as a whole
    undone: dict[str, Any] = {"reviewed": {"reviewed": False}, "locked": {"manualOverrides": {"locked": False}}}[shut]
    cut = {**undone, "manualOverrides": {**undone.get("manualOverrides", {}), "split": {"assetIds": layout["bcd"]}}}
    answer = (await door.call("update_cluster", ada, clusterId=one, **cut)).ok
    assert (layout.names(answer["assetIds"]), await layout.line()) == ("a", "a | (bc)d | e(fg)")


async def test_what_makes_no_sense(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    layout = await Layout.laid(make.db, project, "a(bc) | d")
    elsewhere = await Layout.laid(make.db, await make.project(ada), "z")
    hidden = await Layout.laid(make.db, await make.project(await make.user()), "z")
    moment, burst, single = await layout.of("abc"), await layout.of("bc", "burst"), await layout.of("d")
    before = await layout.rows()
    calls: list[tuple[str, dict[str, Any], str]] = [
        ("split_cluster", {"clusterId": moment, "assetIds": layout["abc"]}, "bad_request"),
        ("split_cluster", {"clusterId": moment, "assetIds": []}, "bad_request"),
        ("split_cluster", {"clusterId": moment, "assetIds": layout["ad"]}, "not_in_cluster"),
        ("split_cluster", {"clusterId": uuid7(), "assetIds": layout["a"]}, "not_found"),
        ("merge_clusters", {"clusterIds": [moment]}, "bad_request"),
        ("merge_clusters", {"clusterIds": [moment, moment]}, "bad_request"),
        ("merge_clusters", {"clusterIds": [moment, *(uuid7() for _ in range(500))]}, "bad_request"),
        ("merge_clusters", {"clusterIds": [moment, burst]}, "other_kind"),
        ("merge_clusters", {"clusterIds": [moment, await elsewhere.of("z")]}, "not_found"),
        ("merge_clusters", {"clusterIds": [moment, await hidden.of("z")]}, "not_found"),
        ("move_assets", {"clusterId": moment, "assetIds": layout["a"], "targetClusterId": burst}, "other_kind"),
        ("move_assets", {"clusterId": moment, "assetIds": layout["a"], "targetClusterId": moment}, "bad_request"),
        ("move_assets", {"clusterId": moment, "assetIds": layout["d"], "targetClusterId": single}, "not_in_cluster"),
        ("move_assets", {"clusterId": moment, "assetIds": layout["a"], "targetClusterId": uuid7()}, "not_found"),
    ]
    for operation, arguments, code in calls:
        assert ((await door.call(operation, ada, **arguments)).code, operation) == (code, operation)
    assert _columns(await layout.rows()) == _columns(before)
    assert await told(make.db, project.id) == []
    assert await titles(door, ada, layout) == []


async def test_only_editors(door: Door, make: Make) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "ab")
    vic = await make.member(layout.project.id, Role.VIEWER)
    id_ = await layout.of("ab")
    for answer in (
        await door.call("update_cluster", vic, clusterId=id_, title="Mine"),
        await door.call("reject_cluster", vic, clusterId=id_),
        await door.call("undo_cull", vic, projectId=layout.project.id),
    ):
        assert answer.code == "forbidden"
    assert (await door.call("list_cull_actions", vic, projectId=layout.project.id)).ok["items"] == []


async def test_winners_go_with_their_photos(door: Door, make: Make) -> None:
    ada = await make.user()
    layout = await Layout.laid(make.db, await make.project(ada), "abc | d")
    moment = await layout.of("abc")
    chosen = {"winnerAssetId": layout.ids["c"], "pick": False, "reviewed": False}
    await door.call("set_winner", ada, clusterId=moment, **chosen)
    rest, made = (await door.call("split_cluster", ada, clusterId=moment, assetIds=layout["c"])).ok
    assert (rest["winnerAssetId"], made["winnerAssetId"]) == (None, str(layout.ids["c"]))
    merged = (await door.call("merge_clusters", ada, clusterIds=[await layout.of("d"), made["id"]])).ok
    assert merged["winnerAssetId"] == str(layout.ids["c"])


def _columns(rows: tuple[list[Any], list[Any]]) -> list[dict[str, Any]]:
    return [{c.key: getattr(row, c.key) for c in row.__table__.c} for part in rows for row in part]


async def _decisions(make: Make, layout: Layout) -> list[tuple[str, str, list[str]]]:
    """The last decision by level, the outermost first, in letters."""
    async with make.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        own = select(CullAction.decision).where(CullAction.project_id == layout.project.id)
        decision = await tx.scalar(own.where(CullAction.decision.is_not(None)).order_by(CullAction.seq.desc()).limit(1))
    found = []
    while decision is not None:
        parts = decision.get("parts") or [decision["ids"]]
        found.insert(0, (decision["kind"], decision["op"], [layout.names(part) for part in parts]))
        decision = decision.get("outer")
    return found
