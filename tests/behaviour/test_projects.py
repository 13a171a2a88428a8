"""Projects: make, find, change, put away, bring back."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_gql.access import UserActor
from kilo_gql.models import ClusterKind, JobStatus, Role
from kilo_gql.models.base import uuid7
from kilo_gql.paging import cursor_of
from tests.support.doors import Answer, Door
from tests.support.make import Make
from tests.support.ranked import Culled
from tests.support.traces import op_ids, told

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOOT = {
    "title": "Wedding",
    "description": "By the lake.\nBring the 85.",
    "shootDate": "2026-06-20",
    "timezone": "Europe/Berlin",
}


async def refused(door: Door, who: UserActor, operation: str, /, **arguments: Any) -> tuple[int, str | None]:
    """Status and code; GraphQL tells no status for what it has executed, so the code stands for both there."""
    answer = await door.call(operation, who, **arguments)
    assert answer.error is not None
    assert set(answer.error) == {"code", "message", "details", "remediation", "requestId"}
    assert answer.error["message"]
    return (answer.status if door.name == "rest" else 0), answer.code


def refusal(door: Door, status: int, code: str) -> tuple[int, str]:
    return (status if door.name == "rest" else 0), code


async def test_a_new_project(door: Door, make: Make) -> None:
    ada = await make.user()
    answer = await door.call("create_project", ada, **{**SHOOT, "title": "  Wedding "})
    made = answer.ok
    assert made == {
        "id": made["id"],
        "studioId": None,
        "ownerUserId": str(ada.user_id),
        **SHOOT,
        "status": "active",
        "createdAt": made["createdAt"],
        "updatedAt": made["createdAt"],
    }
    assert (await door.call("get_project", ada, projectId=made["id"])).ok == made
    assert (await door.call("list_projects", ada)).ok == {"items": [made], "nextCursor": None}
    members = (await door.call("list_members", ada, projectId=made["id"])).ok
    assert [(m["userId"], m["role"]) for m in members] == [(str(ada.user_id), "owner")]
    assert await told(make.db, made["id"]) == [("project.updated", {"title": "Wedding", "status": "active"})]
    assert await op_ids(make.db, made["id"]) == [answer.op_id]


async def test_only_a_title_is_needed(door: Door, make: Make) -> None:
    made = (await door.call("create_project", await make.user(), title="x" * 200)).ok
    empty = {"description": None, "shootDate": None, "timezone": None, "studioId": None}
    assert {name: made[name] for name in ("title", *empty)} == {"title": "x" * 200, **empty}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", " \t "),
        ("title", "x" * 201),
        ("title", "two\nlines"),
        ("title", "nul\x00"),
        ("description", "x" * 10_001),
        ("description", "nul\x00"),
        ("timezone", "Europe/Atlantis"),
        ("timezone", ""),
        ("timezone", "../../etc/passwd"),
    ],
)
async def test_what_a_project_cannot_be(door: Door, make: Make, field: str, value: str) -> None:
    ada = await make.user()
    answer = await door.call("create_project", ada, **{"title": "Wedding", field: value})
    assert (answer.code, answer.error and answer.error["details"]["field"]) == ("bad_request", field)
    project = await make.project(ada)
    answer = await door.call("update_project", ada, projectId=project.id, **{field: value})
    assert (answer.code, answer.error and answer.error["details"]["field"]) == ("bad_request", field)
    [kept] = (await door.call("list_projects", ada)).ok["items"]
    assert (kept["title"], kept["description"], kept["timezone"]) == ("Wedding", None, None)


async def test_absent_and_null_are_two_wishes(door: Door, make: Make) -> None:
    ada = await make.user()
    made = (await door.call("create_project", ada, **SHOOT)).ok
    id_ = made["id"]
    same = (await door.call("update_project", ada, projectId=id_)).ok
    assert same == made
    later = (await door.call("update_project", ada, projectId=id_, title="Later", description=None)).ok
    assert later == {**made, "title": "Later", "description": None, "updatedAt": later["updatedAt"]}
    assert later["updatedAt"] > made["updatedAt"]
    cleared = (await door.call("update_project", ada, projectId=id_, shootDate=None, timezone=None)).ok
    assert cleared == {**later, "shootDate": None, "timezone": None, "updatedAt": cleared["updatedAt"]}
    again = (await door.call("update_project", ada, projectId=id_, title="Later", timezone=None)).ok
    assert again == cleared
    assert (await told(make.db, id_))[1:] == [
        ("project.updated", {"title": "Later", "description": None}),
        ("project.updated", {"shootDate": None, "timezone": None}),
    ]


@pytest.mark.parametrize("field", ["title", "status"])
async def test_what_must_be_there_cannot_be_null(door: Door, make: Make, field: str) -> None:
    ada = await make.user()
    made = (await door.call("create_project", ada, **SHOOT)).ok
    answer = await door.call("update_project", ada, projectId=made["id"], **{field: None})
    assert answer.code == {"rest": "bad_request", "graphql": "graphql_invalid"}[door.name]
    assert (await door.call("get_project", ada, projectId=made["id"])).ok == made


NO_PROJECTS: list[dict[str, Any]] = [
    {},
    {"title": None},
    {"title": 7},
    {"title": ["a"]},
    {"title": "a", "titel": "b"},
    {"title": "a", "shootDate": "20.6.2026"},
]


@pytest.mark.parametrize("arguments", NO_PROJECTS, ids=str)
async def test_what_is_no_project_at_all(door: Door, make: Make, arguments: dict[str, Any]) -> None:
    ada = await make.user()
    answer = await door.call("create_project", ada, **arguments)
    assert answer.code == {"rest": "bad_request", "graphql": "graphql_invalid"}[door.name]
    assert (await door.call("list_projects", ada)).ok["items"] == []


async def test_a_project_of_a_studio(door: Door, make: Make) -> None:
    ada, grace = await make.user(), await make.user()
    studio = (await door.call("create_studio", ada, name="Two lenses")).ok
    made = (await door.call("create_project", ada, title="Ours", studioId=studio["id"])).ok
    assert made["studioId"] == studio["id"]
    assert await refused(door, grace, "create_project", title="Theirs", studioId=studio["id"]) == refusal(
        door, 404, "not_found"
    )


async def test_archived_is_read_only(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    job = (await make.job(project.id, JobStatus.QUEUED)).id
    archived = (await door.call("archive_project", ada, projectId=project.id)).ok
    assert archived["status"] == "archived"
    assert (await door.call("archive_project", ada, projectId=project.id)).ok == archived
    no = refusal(door, 409, "project_archived")
    assert await refused(door, ada, "update_project", projectId=project.id, title="x") == no
    assert await refused(door, ada, "start_drill", projectId=project.id, steps=1) == no
    assert await refused(door, ada, "cancel_job", jobId=job) == no
    assert await refused(door, ada, "retry_failed_jobs", projectId=project.id) == no
    assert (await door.call("get_project", ada, projectId=project.id)).ok == archived
    assert (await door.call("get_job", ada, jobId=job)).ok["status"] == "queued"
    assert (await door.call("list_projects", ada)).ok["items"] == [archived]
    assert await told(make.db, project.id) == [("project.updated", {"status": "archived"})]
    active = (await door.call("restore_project", ada, projectId=project.id)).ok
    assert active == {**archived, "status": "active", "updatedAt": active["updatedAt"]}
    assert (await door.call("update_project", ada, projectId=project.id, title="x")).ok["title"] == "x"


async def test_deleted_is_for_its_owners_to_restore(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    people = {role: await make.member(project.id, role) for role in (Role.VIEWER, Role.EDITOR)}
    deleted = (await door.call("delete_project", ada, projectId=project.id)).ok
    assert deleted["status"] == "deleted"
    for person in people.values():
        assert await refused(door, person, "get_project", projectId=project.id) == refusal(door, 404, "not_found")
        assert await refused(door, person, "restore_project", projectId=project.id) == refusal(door, 404, "not_found")
        assert (await door.call("list_projects", person, status="deleted")).ok["items"] == []
    assert (await door.call("list_projects", ada)).ok["items"] == []
    assert (await door.call("list_projects", ada, status="deleted")).ok["items"] == [deleted]
    assert (await door.call("restore_project", ada, projectId=project.id)).ok["status"] == "active"
    assert (await door.call("get_project", people[Role.VIEWER], projectId=project.id)).ok["status"] == "active"
    assert await told(make.db, project.id) == [
        ("project.updated", {"status": "deleted"}),
        ("project.updated", {"status": "active"}),
    ]


async def test_stats_count_exactly(door: Door, make: Make) -> None:
    ada = await make.user()
    project, other = await make.project(ada), await make.project(ada)
    await make.member(project.id, Role.VIEWER)
    await make.member(project.id, Role.EDITOR)
    for status, count in zip(JobStatus, (3, 2, 5, 1, 4), strict=True):  # queued, running, done, failed, canceled
        for _ in range(count):
            await make.job(project.id, status)
    await make.job(other.id, JobStatus.QUEUED)
    raw, jpeg = await make.asset(project, format="cr3"), await make.asset(project)
    for columns in (
        {"status": "processing"}, {"status": "uploading"}, {"status": "quarantined"}, {"trashed_at": raw.ingested_at},
        {"status": "quarantined", "trashed_at": raw.ingested_at}, {"parent_id": raw.id}, {"format": "xmp"},
    ):  # fmt: skip
        await make.rating(await make.asset(project, **columns), ada, picked=True, rejected=True)
    await make.rating(raw, ada, rejected=True)
    await make.rating(raw, await make.user(), picked=True)
    marked = ((raw, "moment", raw.ingested_at), (raw, "burst", raw.ingested_at), (jpeg, "moment", None))
    culled = Culled(make.db, project)
    for photo, kind, reviewed_at in marked:
        await culled.cluster([photo], ClusterKind(kind), reviewed_at=reviewed_at)
    counted = {
        name: (await door.call("get_stats", ada, projectId=p.id)).ok for name, p in (("a", project), ("b", other))
    }
    assert counted == {
        "a": {
            "memberCount": 3, "openJobCount": 5, "failedJobCount": 1, "assetCount": 3, "readyCount": 2,
            "quarantinedCount": 1, "pickedCount": 1, "rejectedCount": 2, "clustersReviewed": 2,
        },
        "b": {
            "memberCount": 1, "openJobCount": 1, "failedJobCount": 0, "assetCount": 0, "readyCount": 0,
            "quarantinedCount": 0, "pickedCount": 0, "rejectedCount": 0, "clustersReviewed": 0,
        },
    }  # fmt: skip


async def test_pages_stand_still_while_projects_come_and_go(door: Door, make: Make) -> None:
    ada = await make.user()
    made = [str((await make.project(ada, f"{n}")).id) for n in range(8)]
    first = (await door.call("list_projects", ada, limit=3)).ok
    await make.project(ada, "in between")
    await door.call("delete_project", ada, projectId=first["items"][-1]["id"])
    second = (await door.call("list_projects", ada, limit=3, cursor=first["nextCursor"])).ok
    await make.project(ada, "later still")
    third = (await door.call("list_projects", ada, limit=3, cursor=second["nextCursor"])).ok
    pages = [[item["id"] for item in page["items"]] for page in (first, second, third)]
    assert [len(page) for page in pages] == [3, 3, 2]
    assert [id_ for page in pages for id_ in page] == sorted(made, reverse=True)
    assert third["nextCursor"] is None


async def test_a_page_that_is_just_full_is_the_last(door: Door, make: Make) -> None:
    ada = await make.user()
    for _ in range(3):
        await make.project(ada)
    page = (await door.call("list_projects", ada, limit=3)).ok
    assert (len(page["items"]), page["nextCursor"]) == (3, None)
    one = (await door.call("list_projects", ada, limit=1)).ok
    assert (len(one["items"]), one["nextCursor"]) == (1, cursor_of(one["items"][0]["id"]))


async def test_the_largest_page(door: Door, make: Make) -> None:
    ada = await make.user()
    for _ in range(203):
        await make.project(ada)
    whole = (await door.call("list_projects", ada, limit=200)).ok
    rest = (await door.call("list_projects", ada, limit=200, cursor=whole["nextCursor"])).ok
    assert (len(whole["items"]), len(rest["items"]), rest["nextCursor"]) == (200, 3, None)
    usual = (await door.call("list_projects", ada)).ok
    assert len(usual["items"]) == 50


@pytest.mark.parametrize(
    ("limit", "code"), [(0, "bad_request"), (-1, "bad_request"), (201, "page_too_large"), (10**9, "page_too_large")]
)
async def test_what_is_no_page(door: Door, make: Make, limit: int, code: str) -> None:
    answer = await door.call("list_projects", await make.user(), limit=limit)
    assert (answer.status, answer.code) == (400, code)
    assert answer.error is not None
    assert answer.error["details"] == {"limit": limit, "max": 200}


@pytest.mark.parametrize("limit", ["many", 1.5, True])
async def test_what_is_no_number(door: Door, make: Make, limit: Any) -> None:
    answer = await door.call("list_projects", await make.user(), limit=limit)
    assert answer.code in ("bad_request", "graphql_invalid")
    assert answer.code == {"rest": "bad_request", "graphql": "graphql_invalid"}[door.name]


CURSORS = (
    "nonsense", "", "%%%%", "é", "W10", cursor_of(1), cursor_of("x"), cursor_of(uuid7(), uuid7()), cursor_of(None),
    cursor_of(uuid7()) + "AAAA", "x" * 5000, cursor_of("\x00"),
)  # fmt: skip


@pytest.mark.parametrize("cursor", CURSORS, ids=range(len(CURSORS)))
async def test_cursors_that_are_not_ours(door: Door, make: Make, cursor: str) -> None:
    answer: Answer = await door.call("list_projects", await make.user(), cursor=cursor)
    assert answer.code == "bad_cursor"
    assert answer.status == {"rest": 400, "graphql": 200}[door.name]


async def test_only_of_one_status(door: Door, make: Make) -> None:
    ada = await make.user()
    made = {status: str((await make.project(ada, status=status)).id) for status in ("active", "archived", "deleted")}
    for status, id_ in made.items():
        assert [p["id"] for p in (await door.call("list_projects", ada, status=status)).ok["items"]] == [id_]
    usual = [p["id"] for p in (await door.call("list_projects", ada)).ok["items"]]
    assert usual == sorted((made["archived"], made["active"]), reverse=True)
    answer = await door.call("list_projects", ada, status="lost")
    assert answer.code == {"rest": "bad_request", "graphql": "graphql_invalid"}[door.name]


async def test_ids_that_are_none(door: Door, make: Make) -> None:
    ada = await make.user()
    absent = await door.call("get_project", ada, projectId=uuid7())
    assert absent.code == "not_found"
    nonsense = await door.call("get_project", ada, projectId="42")
    assert nonsense.code == {"rest": "not_found", "graphql": "graphql_invalid"}[door.name]
