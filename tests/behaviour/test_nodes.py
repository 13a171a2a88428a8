"""``node(id:)``, which only GraphQL has: anything by its id, as far as its reader may see it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from kilo_gql.models import JobStatus, Role
from kilo_gql.models.base import uuid7
from tests.support.api import Api
from tests.support.doors import GraphQLDoor
from tests.support.make import Make

pytestmark = pytest.mark.asyncio(loop_scope="module")

NODE = """
query Node($id: UUID!) { node(id: $id) {
  __typename id
  ... on Project { title stats { memberCount } }
  ... on Job { status }
  ... on Invitation { email }
  ... on Studio { name }
  ... on User { displayName }
  ... on Session { kind }
  ... on ApiToken { scopes }
} }
"""


async def node(api: Api, who: Any, id_: UUID | str) -> Any:
    answer = await api.graphql(NODE, {"id": str(id_)}, actor=who)
    if "errors" in answer:
        assert answer["data"] == {"node": None}
        return answer["errors"][0]["extensions"]["code"]
    return answer["data"]["node"]


async def test_everything_by_its_id(api: Api, make: Make) -> None:
    ada, door = await make.user(name="Ada"), GraphQLDoor(api)
    project = await make.project(ada)
    job = await make.job(project.id, JobStatus.FAILED)
    invited = (await door.call("invite_member", ada, projectId=project.id, email="g@example.org", role="viewer")).ok
    studio = (await door.call("create_studio", ada, name="One lens")).ok
    token = (await door.call("create_api_token", ada, name="all", scopes=["job.read"])).ok["token"]
    shown = {
        project.id: {"__typename": "Project", "title": "Wedding", "stats": {"memberCount": 1}},
        job.id: {"__typename": "Job", "status": "FAILED"},
        invited["id"]: {"__typename": "Invitation", "email": "g@example.org"},
        studio["id"]: {"__typename": "Studio", "name": "One lens"},
        ada.user_id: {"__typename": "User", "displayName": "Ada"},
        ada.session_id: {"__typename": "Session", "kind": "TOKENS"},
        token["id"]: {"__typename": "ApiToken", "scopes": ["job.read"]},
    }
    for id_, expected in shown.items():
        assert await node(api, ada, id_) == {**expected, "id": str(id_)}
    stranger = await make.user()
    assert {await node(api, stranger, id_) for id_ in (*shown, uuid7())} == {"not_found"}


async def test_people_see_those_they_work_with(api: Api, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    grace = await make.member(project.id, Role.VIEWER, await make.user(name="Grace"))
    assert (await node(api, ada, grace.user_id))["displayName"] == "Grace"
    assert await node(api, ada, grace.session_id) == "not_found"


async def test_a_token_needs_the_scope_of_what_it_finds(api: Api, make: Make) -> None:
    ada, door = await make.user(), GraphQLDoor(api)
    project = await make.project(ada)
    job = await make.job(project.id, JobStatus.QUEUED)
    scopes = ["account.read", "job.read"]
    bearer = (await door.call("create_api_token", ada, name="jobs", scopes=scopes)).ok["secret"]
    assert (await node(api, bearer, job.id))["status"] == "QUEUED"
    assert await node(api, bearer, project.id) == "scope_missing"
    assert await node(api, bearer, uuid7()) == "not_found"
