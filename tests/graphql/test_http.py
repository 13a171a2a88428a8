"""GraphQL over HTTP: what a request must look like, what it may cost, and what an answer never tells."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from graphql import build_schema, execute, parse
from sqlalchemy import text

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.graphql.errors import format_error
from kilo_gql.graphql.http import MAX_BODY
from kilo_gql.models import JobStatus, Role
from tests.graphql.attacks import Attack, Vocabulary, attacks
from tests.support.api import Api
from tests.support.make import Make
from tests.support.running import running
from tests.support.sharing import show, visitor
from tests.support.statements import statements
from tests.support.streams import SocketDoor

pytestmark = pytest.mark.asyncio(loop_scope="module")

ME = "{ me { id } }"
PROJECTS = "query P($first: Int!) { projects(first: $first) { nodes { id stats { memberCount openJobCount } } } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    async with running(postgres, tmp_path_factory.mktemp("home")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def closed(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """As it runs in production."""
    async with running(postgres, tmp_path_factory.mktemp("home"), environment="production") as opened:
        yield opened


@pytest.fixture
def make(api: Api) -> Make:
    return Make(api.services.db)


async def post(api: Api, body: Any, who: UserActor | str | None = None, **headers: str) -> httpx.Response:
    sent = {"kilo-csrf": "1", "content-type": "application/json", **api.headers(who)}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {name: value for name, value in sent.items() if value}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await api.client.post("/graphql", content=content, headers=sent)


def code_of(response: httpx.Response) -> str:
    body = response.json()
    assert "data" not in body or body["data"] is None
    [error] = body["errors"]
    extensions = error["extensions"]
    assert {"code", "details", "remediation", "requestId"} <= extensions.keys()
    assert extensions["requestId"] == response.headers["x-request-id"]
    return str(extensions["code"])


# --- what a request must look like -----------------------------------------------------------------------------------


async def test_an_answer(api: Api, make: Make) -> None:
    ada = await make.user()
    response = await post(api, {"query": ME}, ada, x_request_id="a-request-of-mine")
    assert (response.status_code, response.json()) == (200, {"data": {"me": {"id": str(ada.user_id)}}})
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"] == "a-request-of-mine"


async def test_another_site_cannot_ask(api: Api) -> None:
    response = await post(api, {"query": ME}, kilo_csrf="")
    assert (response.status_code, code_of(response)) == (403, "csrf_header_missing")
    response = await post(api, {"query": ME}, kilo_csrf="", origin="https://evil.example")
    assert (response.status_code, code_of(response)) == (403, "csrf_header_missing")


NOT_JSON = (
    "",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/graphql",
)


@pytest.mark.parametrize("content_type", NOT_JSON)
async def test_only_json_is_read(api: Api, content_type: str) -> None:
    response = await post(api, {"query": ME}, content_type=content_type)
    assert (response.status_code, code_of(response)) == (400, "unsupported_media_type")


async def test_a_charset_does_not_matter(api: Api, make: Make) -> None:
    response = await post(api, {"query": ME}, await make.user(), content_type="Application/JSON; charset=utf-8")
    assert response.status_code == 200


BODIES = [
    b"", b"{", b"null", b"7", b'"{ me { id } }"', b"\xff\xfe", b"{}", b'{"query": null}', b'{"query": 7}',
    b'{"query": ["{ me { id } }"]}', b'{"query": "{ me { id } }", "variables": []}',
    b'{"query": "{a}", "variables": 3}',
    b'{"query": "{ me { id } }", "operationName": 7}', b'{"query": "\\ud800"}',
    b'{"extensions": {"persistedQuery": {"sha256Hash": 7}}}',
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES)
async def test_what_is_no_request(api: Api, body: bytes) -> None:
    response = await post(api, body)
    assert (response.status_code, code_of(response)) == (400, "graphql_bad_request")


async def test_a_batch_is_not_taken(api: Api) -> None:
    response = await post(api, [{"query": ME}] * 2)
    assert (response.status_code, code_of(response)) == (400, "graphql_bad_request")


async def test_a_body_has_an_end(api: Api) -> None:
    padding = "x" * (MAX_BODY - len(json.dumps({"query": ME, "variables": {"v": ""}})) + 1)
    response = await post(api, {"query": ME, "variables": {"v": padding}})
    assert (response.status_code, code_of(response)) == (413, "graphql_too_large")


async def test_a_page_for_people_in_development_alone(api: Api, closed: Api) -> None:
    page = await api.client.get("/graphql", headers={"accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for asked in ({}, {"query": ME}):
        refused = await closed.client.get("/graphql", params=asked, headers={"accept": "text/html"})
        assert (refused.status_code, code_of(refused)) == (400, "graphql_bad_request")


async def test_a_subscription_is_not_answered_here(api: Api, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    query = f'subscription {{ projectEvents(projectId: "{project.id}") {{ __typename }} }}'
    response = await post(api, {"query": query}, ada)
    assert (response.status_code, code_of(response)) == (400, "graphql_bad_request")


async def test_variables_that_do_not_fit(api: Api, make: Make) -> None:
    response = await post(api, {"query": PROJECTS, "variables": {"first": "many"}}, await make.user())
    assert code_of(response) in ("graphql_invalid", "bad_request")


# --- what an answer never tells --------------------------------------------------------------------------------------


async def haunted(make: Make) -> tuple[UserActor, Any]:
    """A job whose row no code of ours could have written."""
    ada = await make.user()
    project = await make.project(ada)
    job = await make.job(project.id, JobStatus.QUEUED)
    async with make.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await tx.unchecked(text("UPDATE jobs SET status = 'a secret state' WHERE id = :id"), {"id": job.id})
        await tx.session.commit()
    return ada, job


@pytest.mark.parametrize("field", ["job(id: $id) { status }", "jobs(projectId: $id) { nodes { status } }"])
async def test_a_bug_is_masked(api: Api, make: Make, field: str) -> None:
    ada, job = await haunted(make)
    id_ = job.project_id if "jobs" in field else job.id
    response = await post(api, {"query": f"query($id: UUID!) {{ {field} }}", "variables": {"id": str(id_)}}, ada)
    assert response.status_code == 200
    [error] = response.json()["errors"]
    assert (error["message"], error["extensions"]) == (
        "Something went wrong on our side.",
        {
            "code": "internal",
            "details": {},
            "remediation": ["Try again; if it stays, report the request id."],
            "requestId": response.headers["x-request-id"],
        },
    )
    assert "secret" not in response.text


async def test_a_bug_is_masked_in_rest(api: Api, make: Make) -> None:
    ada, job = await haunted(make)
    for path in (f"/jobs/{job.id}", f"/projects/{job.project_id}/jobs"):
        response = await api.rest("GET", path, actor=ada)
        assert response.status_code == 500
        assert response.json() == {
            "code": "internal",
            "message": "Something went wrong on our side.",
            "details": {},
            "remediation": ["Try again; if it stays, report the request id."],
            "requestId": response.headers["x-request-id"],
        }


ODD = build_schema("enum Mood { GOOD } type Query { size: Int mood: Mood title: String! twice(n: Int! = 1): Int }")
ODD_ANSWERS = {"size": 2**40, "mood": "a secret mood", "title": None, "twice": 2}


async def test_values_of_ours_that_do_not_fit_are_bugs() -> None:
    for field, value in ODD_ANSWERS.items():
        ODD.query_type.fields[field].resolve = lambda *_, value=value, **__: value  # type: ignore[union-attr]
    for field in ("size", "mood", "title"):
        [error] = execute(ODD, parse(f"{{ {field} }}")).errors or ()
        shown = format_error(error, "r")
        assert (shown["message"], shown["extensions"]["code"]) == ("Something went wrong on our side.", "internal")
    for value in (None, "x"):
        asked = parse("query($n: Int) { twice(n: $n) }")
        [error] = execute(ODD, asked, variable_values={"n": value}).errors or ()
        assert format_error(error, "r")["extensions"]["code"] == "graphql_invalid"


async def test_production_does_not_describe_itself(api: Api, closed: Api) -> None:
    for query in ("{ __schema { types { name } } }", '{ __type(name: "Query") { name } }'):
        response = await post(closed, {"query": query})
        assert (response.status_code, code_of(response)) == (403, "introspection_off")
        assert (await post(api, {"query": query})).status_code == 200
    assert (await post(closed, {"query": "{ __typename }"})).json() == {"data": {"__typename": "Query"}}


GUESSES = (
    "{ mee { id } }",
    "{ me { idd } }",
    "{ me(x: 1) { id } }",
    "mutation { updateMee { id } }",
    "{ me { ... on Usr { id } } }",
)


@pytest.mark.parametrize("query", GUESSES)
async def test_production_does_not_help_guessing(api: Api, closed: Api, query: str) -> None:
    response = await post(closed, {"query": query})
    assert (response.status_code, code_of(response)) == (400, "graphql_invalid")
    assert "did you mean" not in response.text.lower()
    assert (await post(api, {"query": query})).status_code == 400


async def test_production_does_not_suggest_values(closed: Api) -> None:
    ada = await Make(closed.services.db).user()
    query = "query($s: ProjectStatus) { projects(status: $s) { nodes { id } } }"
    response = await post(closed, {"query": query, "variables": {"s": "ACTIV"}}, ada)
    assert code_of(response) == "graphql_invalid"
    assert "ACTIVE" not in response.text


async def test_only_what_was_registered(postgres: str, tmp_path: Path) -> None:
    key = hashlib.sha256(ME.encode()).hexdigest()
    documents = tmp_path / "documents.json"
    documents.write_text(json.dumps({key: ME}))
    async with running(postgres, tmp_path, trusted_documents=documents, trusted_documents_only=True) as api:
        ada = await Make(api.services.db).user()
        mine = {"data": {"me": {"id": str(ada.user_id)}}}
        persisted = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": key}}}
        assert (await post(api, persisted, ada)).json() == mine
        assert (await post(api, {"query": ME}, ada)).json() == mine
        response = await post(api, {"query": "{ me { email } }"}, ada)
        assert (response.status_code, code_of(response)) == (403, "graphql_document_not_trusted")
        persisted["extensions"]["persistedQuery"]["sha256Hash"] = "0" * 64
        response = await post(api, persisted, ada)
        assert (response.status_code, code_of(response)) == (403, "graphql_document_not_trusted")


async def test_an_unknown_hash_asks_for_the_document(api: Api) -> None:
    response = await post(api, {"extensions": {"persistedQuery": {"sha256Hash": "0" * 64}}})
    assert (response.status_code, code_of(response)) == (404, "graphql_document_unknown")


# --- answers in parts ------------------------------------------------------------------------------------------------

DEFERRED = "query($id: UUID!) { project(id: $id) { title ... @defer { stats { memberCount } } } }"


async def test_numbers_may_come_later(api: Api, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asked = {"query": DEFERRED, "variables": {"id": str(project.id)}}
    response = await post(api, asked, ada, accept="multipart/mixed, application/json;q=0.5")
    assert response.headers["content-type"].startswith('multipart/mixed; boundary="-"')
    parts = [part.partition("\r\n\r\n")[2] for part in response.text.split("\r\n---\r\n")[1:]]
    first, second = (json.loads(part.partition("\r\n-----")[0]) for part in parts)
    assert first == {
        "data": {"project": {"title": "Wedding"}},
        "pending": [{"id": "0", "path": ["project"]}],
        "hasNext": True,
    }
    assert second == {
        "incremental": [{"id": "0", "data": {"stats": {"memberCount": 1}}}],
        "completed": [{"id": "0"}],
        "hasNext": False,
    }
    assert response.text.endswith("\r\n-----\r\n")


async def test_parts_need_somebody_who_reads_them(api: Api, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asked = {"query": DEFERRED, "variables": {"id": str(project.id)}}
    response = await post(api, asked, ada, accept="application/json")
    assert (response.status_code, code_of(response)) == (400, "graphql_bad_request")
    whole = await post(api, {**asked, "query": DEFERRED.replace("@defer", "")}, ada)
    assert whole.json() == {"data": {"project": {"title": "Wedding", "stats": {"memberCount": 1}}}}


async def test_a_bug_in_a_part_is_masked_too(api: Api, make: Make) -> None:
    ada, job = await haunted(make)
    query = "query($p: UUID!, $j: UUID!) { project(id: $p) { id } ... @defer { job(id: $j) { status } } }"
    asked = {"query": query, "variables": {"p": str(job.project_id), "j": str(job.id)}}
    response = await post(api, asked, ada, accept="multipart/mixed")
    assert "secret" not in response.text
    assert '"code":"internal"' in response.text
    assert response.headers["x-request-id"] in response.text


# --- what it may cost ------------------------------------------------------------------------------------------------


async def test_points_run_out_and_come_back(postgres: str, tmp_path: Path) -> None:
    async with running(postgres, tmp_path, graphql_points_per_minute=100) as api:
        make = Make(api.services.db)
        ada, grace = await make.user(), await make.user()
        asked = {"query": PROJECTS, "variables": {"first": 30}}
        spent = [await post(api, asked, ada) for _ in range(4)]
        codes = [response.status_code for response in spent]
        assert codes[0] == 200
        assert codes[-1] == 429
        assert code_of(spent[-1]) == "rate_limited"
        assert 1 <= int(spent[-1].headers["retry-after"]) <= 60
        assert spent[-1].json()["errors"][0]["extensions"]["retryAfter"] == int(spent[-1].headers["retry-after"])
        assert (await post(api, asked, grace)).status_code == 200


async def test_another_session_of_a_guest_is_no_other_budget(postgres: str, tmp_path: Path) -> None:
    """Over HTTP and over the websocket: sessions of guests are had for nothing."""
    title = "query($slug: String!) { sharedGallery(shareSlug: $slug) { title } }"
    async with running(postgres, tmp_path, graphql_points_per_minute=6) as api:
        shown = await show(Make(api.services.db), 1)
        asked = {"query": title, "variables": {"slug": shown.slug}}
        guests = [visitor(api.services.db, shown.gallery) for _ in range(4)]
        assert [(await post(api, asked, guest)).status_code for guest in guests] == [200, 200, 200, 429]
        late = await SocketDoor(api).talk(guests[3], "1", asked)
        assert late["payload"][0]["extensions"]["code"] == "rate_limited"
    async with running(postgres, tmp_path, requests_per_minute=1) as api:
        shown = await show(Make(api.services.db), 1)
        asked["variables"] = {"slug": shown.slug}
        first, second = [
            await SocketDoor(api).talk(visitor(api.services.db, shown.gallery), "1", asked) for _ in range(2)
        ]
        assert first["payload"] == {"data": {"sharedGallery": {"title": "Wedding"}}}
        assert second["payload"][0]["extensions"]["code"] == "rate_limited"


async def test_requests_run_out_in_both_doors(postgres: str, tmp_path: Path) -> None:
    async with running(postgres, tmp_path, requests_per_minute=3) as api:
        ada = await Make(api.services.db).user()
        assert [(await post(api, {"query": ME}, ada)).status_code for _ in range(3)] == [200, 200, 200]
        refused = await api.rest("GET", "/me", actor=ada)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert int(refused.headers["retry-after"]) == 20
        assert (await post(api, {"query": ME}, ada)).status_code == 429


async def many(make: Make, count: int) -> tuple[UserActor, Any]:
    """Somebody with so many projects, the first of which has so many members and jobs."""
    ada = await make.user()
    first = await make.project(ada)
    for _ in range(min(count, 199)):
        await make.member(first.id, Role.VIEWER)
    for _ in range(count):
        await make.project(ada)
        await make.job(first.id, JobStatus.QUEUED)
    return ada, first


#: $p is the project, $n how many.
LISTS = {
    "projects": "query($n: Int!) { projects(first: $n) { nodes { id stats { memberCount openJobCount } } } }",
    "members": "query($p: UUID!) { members(projectId: $p) { role user { displayName } } }",
    "jobs": "query($p: UUID!, $n: Int!) { jobs(projectId: $p, first: $n) { nodes { id status type } } }",
}
MOST_STATEMENTS = 12


async def counted(api: Api, name: str, who: UserActor, project: Any, first: int) -> tuple[int, list[str]]:
    """How long the list was, and what it took."""
    variables = {word: value for word, value in (("p", str(project.id)), ("n", first)) if f"${word}:" in LISTS[name]}
    with statements(api.services.db) as seen:
        answer = await api.graphql(LISTS[name], variables, actor=who)
    assert "errors" not in answer, answer
    listed = answer["data"][name]
    return len(listed["nodes"] if isinstance(listed, dict) else listed), list(seen)


async def test_a_longer_list_costs_no_further_statement(api: Api, make: Make) -> None:
    few, many_ = await many(make, 10), await many(make, 500)
    for name in LISTS:
        short, for_short = await counted(api, name, *few, first=10)
        long, for_long = await counted(api, name, *many_, first=200)
        assert (name, short, long) == (name, {"members": 11}.get(name, 10), 200)
        assert (name, len(for_short)) == (name, len(for_long)), for_long
        assert 0 < len(for_long) <= MOST_STATEMENTS


# --- what is fired at it ---------------------------------------------------------------------------------------------

#: The real schema has no connection below another one's nodes; ``nested`` is what comes nearest.
WORDS = Vocabulary(root="projects", type="Project", nested="stats", leaf="id")
CORPUS = attacks(WORDS)
#: Attacks that are something else here, and are refused as that: pages below pages, which the schema does not have …
NOT_IN_THE_SCHEMA = (
    "huge_page+pages", "pages by alias", "pages through spreads", "pages by repetition", "pages by default",
    "pages behind a variable", "page by float variable", "page by string variable", "page by boolean variable",
    "page by large variable", "page by negative variable",
)  # fmt: skip
#: … and values that JSON as we read it does not have.
NOT_IN_JSON = ("page by infinite variable", "page by endless variable", "lone surrogate")


def refusal_over_http(attack: Attack) -> str:
    if attack.name.endswith("ten_megabytes"):
        return "graphql_too_large"  # before the document is looked at
    if attack.name in NOT_IN_THE_SCHEMA:
        return "graphql_invalid"
    return "graphql_bad_request" if attack.name in NOT_IN_JSON else attack.code


@pytest.mark.parametrize("attack", CORPUS, ids=lambda attack: attack.name.replace(" ", "-"))
async def test_attacks_are_refused(closed: Api, attack: Attack) -> None:
    asked = {"query": attack.source, "variables": dict(attack.variables), "operationName": attack.operation_name}
    response = await post(closed, asked)
    assert 400 <= response.status_code < 500
    assert code_of(response) == refusal_over_http(attack)
    assert len(response.content) < 4_096


async def test_the_widest_page_of_the_schema_is_too_wide_twenty_times(closed: Api) -> None:
    page = "projects(first: 200) { nodes { stats { memberCount } } edges { node { stats { memberCount } } } }"
    for roots, code in ((20, "graphql_too_costly"), (21, "graphql_too_many_root_fields")):
        query = "{ " + " ".join(f"a{n}: {page}" for n in range(roots)) + " }"
        assert code_of(await post(closed, {"query": query})) == code
