"""A keyed call happens once, through either door, whoever sends it again and however."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.models import IdempotencyKey, JobStatus, Project, Role
from kilo_gql.models.base import uuid7
from kilo_gql.operations import OPERATIONS
from kilo_gql.rest.routes import ROUTES
from tests.support.api import Api
from tests.support.clock import Clock
from tests.support.doors import DOORS, Door, GraphQLDoor, RestDoor, root_fields
from tests.support.make import Make
from tests.support.statements import statements
from tests.support.storm import note, send, storm
from tests.support.traces import told

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS, CLIENTS = 3, 40


def new_key() -> str:
    return f"key-{uuid7()}"


async def titles(make: Make, owner: UserActor) -> list[str]:
    async with make.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        mine = select(Project.title).where(Project.owner_user_id == owner.user_id).order_by(Project.id)
        return list(await tx.scalars(mine))


async def kept(make: Make, key: str) -> int:
    async with make.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        found = await tx.scalar(select(func.count()).select_from(IdempotencyKey).where(IdempotencyKey.key == key))
        return int(found)


# --- once ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DOORS)
async def test_many_at_once_are_one(api: Api, make: Make, name: str) -> None:
    ada = await make.user()
    for key in [new_key() for _ in range(KEYS)]:
        answers = await storm(api.client, name, key, CLIENTS, {"kilo-csrf": "1", **api.headers(ada)})
        in_progress = answers.codes.pop("idempotency_in_progress", 0)
        assert (answers.first, answers.server_errors, dict(answers.codes)) == (1, 0, {})
        assert answers.first + answers.replayed + in_progress == CLIENTS
        note(answers, name, await send(api.client, name, key, api.headers(ada)))
        assert (len(answers.bodies), answers.first) == (1, 1)
    assert len(await titles(make, ada)) == KEYS


async def test_a_retry_gets_the_first_answer(door: Door, make: Make) -> None:
    ada, key = await make.user(), new_key()
    first = await door.call("create_project", ada, key=key, title="Wedding", shootDate="2026-06-20")
    again = await door.call("create_project", ada, key=key, title="Wedding", shootDate="2026-06-20")
    assert (first.replayed, again.replayed) == (False, True)
    assert again.ok == first.ok
    assert (again.op_id, again.status) == (first.op_id, first.status)
    assert "idempotency-replayed" not in first.headers
    if door.name == "rest":
        assert (again.headers["idempotency-replayed"], again.status, again.text) == ("true", 201, first.text)
    assert await titles(make, ada) == ["Wedding"]
    assert len(await told(make.db, first.ok["id"])) == 1


async def test_the_first_answer_stays_the_answer(door: Door, make: Make) -> None:
    ada, key = await make.user(), new_key()
    first = await door.call("create_project", ada, key=key, title="Wedding")
    await door.call("update_project", ada, projectId=first.ok["id"], title="Later")
    again = await door.call("create_project", ada, key=key, title="Wedding")
    assert (again.replayed, again.ok) == (True, first.ok)


async def test_one_key_through_both_doors(api: Api, make: Make) -> None:
    ada, key = await make.user(), new_key()
    first = await RestDoor(api).call("create_project", ada, key=key, title="Wedding", description=None)
    again = await GraphQLDoor(api).call("create_project", ada, key=key, title="Wedding")
    assert (again.replayed, again.ok, again.op_id) == (True, first.ok, first.op_id)
    project = await make.project(ada)
    drill = {"projectId": project.id, "steps": 20}
    first = await GraphQLDoor(api).call("start_drill", ada, key=key, **drill)
    again = await RestDoor(api).call("start_drill", ada, key=key, **drill)
    assert (again.replayed, again.ok, again.op_id) == (True, first.ok, first.op_id)


# --- the same, and not the same --------------------------------------------------------------------------------------


async def test_spelling_is_not_content(api: Api, make: Make) -> None:
    ada, key = await make.user(), new_key()
    headers = {**api.headers(ada), "content-type": "application/json", "idempotency-key": key}
    spellings = (
        b'{"title":"Wedding","timezone":"Europe/Berlin"}',
        b'{ "timezone" : "Europe/Berlin",\n\t"title": "Wedding" }',
        b'{"timezone":"Europe\\/Berlin","title":"\\u0057edding"}',
        b'{"title":"Wedding","timezone":"Europe/Berlin","description":null}',
    )
    answers = [await api.client.post("/v1/projects", content=body, headers=headers) for body in spellings]
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.content for answer in answers}) == 1
    assert await titles(make, ada) == ["Wedding"]


async def test_another_selection_is_the_same_call(api: Api, make: Make) -> None:
    ada, variables = await make.user(), {"key": new_key()}
    call = 'mutation($key: String) {{ createProject(input: {{title: "Wedding"}}, idempotencyKey: $key) {{ {0} }} }}'
    first = await api.graphql(call.format("project { id }"), variables, actor=ada)
    again = await api.graphql(call.format("project { id title stats { memberCount } }"), variables, actor=ada)
    id_ = first["data"]["createProject"]["project"]["id"]
    assert again["data"]["createProject"]["project"] == {"id": id_, "title": "Wedding", "stats": {"memberCount": 1}}
    assert await titles(make, ada) == ["Wedding"]


async def test_other_content_is_refused(door: Door, make: Make) -> None:
    ada, key = await make.user(), new_key()
    first = await door.call("create_project", ada, key=key, title="Wedding")
    other = await door.call("create_project", ada, key=key, title="Funeral")
    assert (other.code, other.status) == ("idempotency_mismatch", {"rest": 409, "graphql": 200}[door.name])
    assert await titles(make, ada) == ["Wedding"]
    assert len(await told(make.db, first.ok["id"])) == 1


async def test_another_thing_is_other_content(door: Door, make: Make) -> None:
    ada, key = await make.user(), new_key()
    one, two = await make.project(ada), await make.project(ada)
    await door.call("archive_project", ada, key=key, projectId=one.id)
    other = await door.call("archive_project", ada, key=key, projectId=two.id)
    assert other.code == "idempotency_mismatch"
    assert (await door.call("get_project", ada, projectId=two.id)).ok["status"] == "active"


async def test_keys_are_ones_own(door: Door, make: Make) -> None:
    ada, grace, key = await make.user(), await make.user(), new_key()
    await door.call("create_project", ada, key=key, title="Ada's")
    hers = await door.call("create_project", grace, key=key, title="Grace's")
    assert (hers.replayed, hers.ok["title"]) == (False, "Grace's")
    studio = await door.call("create_studio", ada, key=key, name="Another operation")
    assert (studio.replayed, studio.ok["name"]) == (False, "Another operation")
    assert (await titles(make, ada), await titles(make, grace)) == (["Ada's"], ["Grace's"])


async def test_another_session_of_the_same_person(door: Door, make: Make) -> None:
    ada, key = await make.user(), new_key()
    first = await door.call("create_project", ada, key=key, title="Wedding")
    again = await door.call("create_project", ada, key=key, title="Wedding")
    token = (await door.call("create_api_token", ada, name="cron", scopes=["*"])).ok["secret"]
    program = await door.call("create_project", token, key=key, title="Wedding")
    assert (again.ok, program.replayed) == (first.ok, False)


async def test_leaving_twice_is_leaving_once(door: Door, make: Make) -> None:
    """A replay tells its caller what it was told before, also where it could not do it again."""
    ada, key = await make.user(), new_key()
    project = await make.project(ada)
    grace = await make.member(project.id, Role.EDITOR)
    leaving = {"projectId": project.id, "userId": grace.user_id}
    first = await door.call("remove_member", grace, key=key, **leaving)
    again = await door.call("remove_member", grace, key=key, **leaving)
    assert (first.ok, again.ok, again.replayed, again.op_id) == (None, None, True, first.op_id)
    assert (await door.call("remove_member", grace, **leaving)).code == "not_found"
    assert await told(make.db, project.id) == [("member.updated", {"role": None})]


# --- keys ------------------------------------------------------------------------------------------------------------


async def test_quotes_around_a_key_are_not_the_key(door: Door, make: Make) -> None:
    ada, key = await make.user(), new_key()
    first = await door.call("create_project", ada, key=key, title="Wedding")
    again = await door.call("create_project", ada, key=f'"{key}"', title="Wedding")
    assert (again.replayed, again.ok) == (True, first.ok)


BAD = ("", "short", "x" * 129, "with space", 'half"quote', '"', '""', '"short"', "tab\there8", "ümlaut-12345")


@pytest.mark.parametrize("key", BAD)
async def test_keys_that_are_none(api: Api, make: Make, key: str) -> None:
    ada = await make.user()
    body, bearer = {"title": "Wedding"}, api.headers(ada)
    headers = [(b"idempotency-key", key.encode()), *((n.encode(), v.encode()) for n, v in bearer.items())]
    rest = await api.client.post("/v1/projects", json=body, headers=headers)
    assert (rest.status_code, rest.json()["code"]) == (400, "bad_idempotency_key")
    assert (await GraphQLDoor(api).call("create_project", ada, key=key, **body)).code == "bad_idempotency_key"
    assert await titles(make, ada) == []


@pytest.mark.parametrize("key", ["12345678", "x" * 128, "!#$%&'()*+,-./:;<=>?@[]^_`{|}~"])
async def test_keys_that_are_good(door: Door, make: Make, key: str) -> None:
    ada = await make.user()
    assert (await door.call("create_project", ada, key=key, title="Wedding")).replayed is False
    assert (await door.call("create_project", ada, key=key, title="Wedding")).replayed is True


async def test_a_day_later_a_key_is_new(door: Door, make: Make, clock: Clock) -> None:
    ada, key = await make.user(), new_key()
    first = await door.call("create_project", ada, key=key, title="Wedding")
    clock.advance(86_400 - 1)
    assert (await door.call("create_project", ada, key=key, title="Wedding")).replayed is True
    clock.advance(1)
    later = await door.call("create_project", ada, key=key, title="Another wedding")
    assert (later.replayed, later.ok["id"] == first.ok["id"]) == (False, False)
    assert await titles(make, ada) == ["Wedding", "Another wedding"]


# --- what is never kept ----------------------------------------------------------------------------------------------


async def refusals(make: Make) -> list[tuple[UserActor, str, dict[str, Any], str]]:
    ada = await make.user()
    project = await make.project(ada)
    viewer, stranger = await make.member(project.id, Role.VIEWER), await make.user()
    done = await make.job(project.id, JobStatus.DONE)
    return [
        (ada, "create_project", {"title": ""}, "bad_request"),
        (viewer, "update_project", {"projectId": project.id, "title": "x"}, "forbidden"),
        (stranger, "update_project", {"projectId": project.id, "title": "x"}, "not_found"),
        (ada, "cancel_job", {"jobId": done.id}, "illegal_transition"),
        (ada, "remove_member", {"projectId": project.id, "userId": ada.user_id}, "last_owner"),
    ]


async def test_a_refusal_is_not_kept(door: Door, make: Make) -> None:
    for who, operation, arguments, code in await refusals(make):
        key = new_key()
        assert (await door.call(operation, who, key=key, **arguments)).code == code
        assert await kept(make, key) == 0
    key = new_key()
    ada = await make.user()
    assert (await door.call("create_project", ada, key=key, title=" ")).code == "bad_request"
    mended = await door.call("create_project", ada, key=key, title="Wedding")
    assert (mended.replayed, mended.ok["title"]) == (False, "Wedding")


async def test_answers_with_secrets_are_never_kept(api: Api, make: Make) -> None:
    ada, rest, key = await make.user(), RestDoor(api), new_key()
    started = {"email": "ada@example.org"}
    verified = {"challengeId": str(uuid7()), "code": "12345678"}
    calls: list[tuple[str, UserActor | None, dict[str, Any]]] = [
        ("create_api_token", ada, {"name": "x", "scopes": ["*"]}),
        ("start_login", None, started),
        ("verify_login", None, verified),
        ("refresh", None, {"refreshToken": "krt_" + "a" * 43}),
    ]
    for operation, who, arguments in calls:
        assert OPERATIONS[operation].retention is None
        answer = await rest.call(operation, who, key=key, **arguments)
        assert (answer.status, answer.code) == (400, "idempotency_not_supported")
    assert await kept(make, key) == 0
    assert (await rest.call("list_api_tokens", ada)).ok == []


async def test_a_read_takes_no_notice_of_a_key(api: Api, make: Make) -> None:
    ada, key = await make.user(), new_key()
    assert (await RestDoor(api).call("list_projects", ada, key=key)).ok["items"] == []
    assert await kept(make, key) == 0


async def test_who_takes_a_key_says_so() -> None:
    """A mutation has the argument exactly if its operation keeps answers."""
    mutations = [found for found in root_fields() if found.root == "Mutation"]
    assert {str(f) for f in mutations if "idempotencyKey" in f.field.args} == {
        str(f) for f in mutations if f.operation.retention is not None
    }
    writing = [route.operation for route in ROUTES if route.operation.write]
    assert {operation.name for operation in writing if operation.retention is None} == {  # their answers hold secrets
        "start_login", "verify_login", "refresh", "create_api_token", "authenticate_guest", "create_webhook",
        "rotate_webhook_secret", "request_download",
    }  # fmt: skip


async def test_every_kept_answer_can_be_told_again(door: Door, make: Make) -> None:
    ada = await make.user()
    project, key = await make.project(ada), new_key()
    grace = await make.member(project.id, Role.VIEWER)
    job, failed = await make.job(project.id, JobStatus.QUEUED), await make.job(project.id, JobStatus.FAILED)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("update_me", {"displayName": "Grace"}),
        ("update_project", {"projectId": project.id, "description": None, "shootDate": "2026-01-02"}),
        ("archive_project", {"projectId": project.id}),
        ("restore_project", {"projectId": project.id}),
        ("start_drill", {"projectId": project.id}),
        ("cancel_job", {"jobId": job.id}),
        ("retry_job", {"jobId": failed.id}),
        ("retry_failed_jobs", {"projectId": project.id}),
        ("set_member_role", {"projectId": project.id, "userId": grace.user_id, "role": "editor"}),
        ("invite_member", {"projectId": project.id, "email": "g@example.org", "role": "viewer"}),
        ("remove_member", {"projectId": project.id, "userId": grace.user_id}),
        ("delete_project", {"projectId": project.id}),
        ("create_studio", {"name": "One lens"}),
    ]
    for operation, arguments in calls:
        first = await door.call(operation, ada, key=key, **arguments)
        again = await door.call(operation, ada, key=key, **arguments)
        assert (operation, first.replayed, again.replayed) == (operation, False, True)
        assert (operation, again.ok, again.op_id) == (operation, first.ok, first.op_id)


async def test_two_that_race_with_other_content(door: Door, make: Make) -> None:
    ada, key = await make.user(), new_key()
    answers = await asyncio.gather(
        *(door.call("create_project", ada, key=key, title=f"Wedding {n % 2}") for n in range(10))
    )
    assert len(await titles(make, ada)) == 1
    assert sum(answer.error is None and not answer.replayed for answer in answers) == 1
    codes = {answer.code for answer in answers if answer.error}
    assert codes <= {"idempotency_in_progress", "idempotency_mismatch"}


RECEIPT = "{ receipt { cursor replayed opId } }"


async def test_a_receipt_names_the_cursor_that_was_reached(api: Api, make: Make) -> None:
    ada, key = await make.user(), new_key()
    call = f'mutation {{ createProject(input: {{title: "x"}}, idempotencyKey: "{key}") {RECEIPT} }}'
    receipts = [(await api.graphql(call, actor=ada))["data"]["createProject"]["receipt"] for _ in range(2)]
    assert [receipt["cursor"] for receipt in receipts] == ["1-1", "1-1"]
    assert [receipt["replayed"] for receipt in receipts] == [False, True]
    assert receipts[0]["opId"] == receipts[1]["opId"]


async def test_what_left_no_event_has_no_cursor_and_waits_for_none(api: Api, make: Make) -> None:
    ada, key = await make.user(), new_key()
    call = f'mutation {{ updateMe(displayName: "Ada", idempotencyKey: "{key}") {RECEIPT} }}'
    with statements(api.services.db) as seen:
        receipts = [(await api.graphql(call, actor=ada))["data"]["updateMe"]["receipt"] for _ in range(2)]
    assert [(receipt["cursor"], receipt["replayed"]) for receipt in receipts] == [(None, False), (None, True)]
    assert [statement for statement in seen if "FROM events" in statement] == []
