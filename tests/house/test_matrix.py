"""Every way in has its row in the permission matrix, and every row is what happens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.routing import Route, WebSocketRoute

from kilo_gql.access import Guest
from kilo_gql.app import build_app
from kilo_gql.config import Settings
from kilo_gql.domain.nodes import NODES
from kilo_gql.guest_tokens import guest_token
from kilo_gql.operations import OPERATIONS
from kilo_gql.rest import openapi
from kilo_gql.rest.routes import ROUTES
from tests.house.matrix import ROWS, Case, Row
from tests.support.api import Api
from tests.support.doors import GraphQLDoor, RestDoor, Who, root_fields
from tests.support.running import running
from tests.support.streams import RealtimeDoor, SocketDoor
from tests.support.world import CALLERS, World, make_world, state, wipe

#: What is served beside the documented operations. The forms run ``verify_login`` and ``accept_invitation``.
PAGES = {
    ("/graphql", "GET"),
    ("/graphql", "POST"),
    ("/", "GET"),
    ("/sign-in", "GET"),
    ("/sign-in", "POST"),
    ("/join", "GET"),
    ("/join", "POST"),
    ("/media/{asset_id}/{name}", "GET"),
    ("/media/{asset_id}/{name}", "OPTIONS"),
    ("/exports/{export_id}/archive", "GET"),
    ("/uploads/{upload_id}", "OPTIONS"),
    ("/uploads/{upload_id}", "PUT"),
    ("/uploads/{upload_id}", "PATCH"),
    ("/uploads/{upload_id}", "DELETE"),
    ("/uploads/{upload_id}", "POST"),
    ("/objects/{key:path}", "GET"),
    ("/objects/{key:path}", "PUT"),
    ("/healthz", "GET"),
    ("/readyz", "GET"),
    ("/metrics", "GET"),
    ("/v1/openapi.json", "GET"),
    ("/v1/reference", "GET"),
    ("/v1/realtime", "GET"),
    ("/g/{slug}/events", "GET"),
    ("/g/{slug}/media/{asset_id}/{name}", "GET"),
    ("/g/{slug}/card.jpg", "GET"),
    ("/g/{slug}/download/{asset_id}", "GET"),
    ("/g/{slug}/download.zip", "GET"),
    ("/g-assets/{digest}/{name}", "GET"),
    ("/g/{slug}", "GET"),
    ("/g/{slug}/auth", "POST"),
    ("/g/{slug}/compare", "GET"),
    ("/g/{slug}/downloads", "GET"),
    ("/g/{slug}/guest", "GET"),
    ("/g/{slug}/guest", "POST"),
    ("/g/{slug}/photos/{asset_id}", "GET"),
    ("/g/{slug}/photos/{asset_id}/comments", "POST"),
    ("/g/{slug}/photos/{asset_id}/comments/{comment_id}/delete", "POST"),
    ("/g/{slug}/photos/{asset_id}/favorite", "POST"),
    ("/g/{slug}/visit", "POST"),
    ("/g/{slug}/selection/{list_id}", "GET"),
    ("/g/{slug}/selection/{list_id}/submit", "POST"),
    ("/g/{slug}/selection/{list_id}/{asset_id}", "POST"),
}
BY_ASSET = (
    "details_by_asset",
    "companions_by_asset",
    "failed_jobs_by_asset",
    "clusters_by_asset",
    "signals_by_asset",
    "choices_by_asset",
)
BY_ID = ("users_by_id", "assets_by_id", "details_by_cluster")
#: Only other operations' answers lead to these, by loaders; to files and uploads their addresses do (tests/media and
#: tests/uploads walk those).
GALLERY_MEDIA = (
    "open_gallery_picture", "render_gallery_picture", "open_gallery_card", "render_gallery_card", "open_download",
)  # fmt: skip
NESTED = {"open_media", *GALLERY_MEDIA, "follow_gallery", "claim_upload", "stats_by_project", *BY_ID, *BY_ASSET}
#: What begins so is a stranger's own, or in an open gallery for everybody to see.
_TOLD = ("stranger_", "shared_")
#: What a door adds by itself.
UNSTABLE = ("x-request-id", "server-timing", "date")
REALTIME = ("open_stream", "GET /realtime")


# --- complete --------------------------------------------------------------------------------------------------------


def ways_in() -> Iterator[tuple[str, str]]:
    """(operation, way): every root field, every route, the stream."""
    yield from ((found.operation.name, str(found)) for found in root_fields())
    yield from ((route.operation.name, f"{route.method} {route.path}") for route in ROUTES)
    yield REALTIME


def faults(rows: Sequence[Row]) -> list[str]:
    """What is wrong with a matrix, one sentence a fault."""
    listed = [(row.operation, way) for row in rows for way in (row.field, row.route) if way is not None]
    there = set(ways_in())
    found = [f"{way} ({operation}) has no row" for operation, way in there.difference(listed)]
    found += [f"a row names {way} ({operation}), which is not there" for operation, way in set(listed) - there]
    return sorted(found + [f"{way} has two rows" for (_, way), (_, next_) in pairwise(sorted(listed)) if way == next_])


def test_every_way_in_has_its_row() -> None:
    assert faults(ROWS) == []


@pytest.mark.parametrize("missing", ROWS, ids=lambda row: row.field or row.route)
def test_a_row_less_is_noticed(missing: Row) -> None:
    ways = [way for way in (missing.field, missing.route) if way is not None]
    found = faults([row for row in ROWS if row is not missing])
    assert found == sorted(f"{way} ({missing.operation}) has no row" for way in ways)


def test_a_row_too_much_is_noticed() -> None:
    assert faults([*ROWS, Row("fly", "Query.fly", None, ())]) == ["a row names Query.fly (fly), which is not there"]
    assert faults([*ROWS, Row("me", "Query.me", None, ())]) == ["Query.me has two rows"]


def test_every_operation_has_a_way_in_or_a_reason() -> None:
    rest = {name for name in OPERATIONS if name not in {operation for operation, _ in ways_in()}}
    assert rest - NESTED == {name for name in rest if OPERATIONS[name].perm == "system"}
    assert rest >= NESTED


def test_every_kind_of_node_has_its_case() -> None:
    [row] = [row for row in ROWS if row.operation == "get_node"]
    assert {case.name for case in row.cases} == {model.__name__ for model in NODES}


def test_nothing_else_is_served(settings: Settings) -> None:
    routes = build_app(settings).routes
    sockets = [route.path for route in routes if isinstance(route, WebSocketRoute)]
    http = [route for route in routes if isinstance(route, Route)]
    assert (sockets, len(http)) == (["/graphql"], len(routes) - 1)
    served = {(route.path, method) for route in http for method in route.methods or ("GET",)}
    documented = {(openapi.PREFIX + route.path, route.method) for route in ROUTES}
    assert {(path, method) for path, method in served if method != "HEAD"} - documented == PAGES


# --- true ------------------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    async with running(postgres, tmp_path_factory.mktemp("home")) as opened:
        yield opened


def _doors(row: Row) -> Iterator[type]:
    if row.route is not None:
        yield RealtimeDoor if (row.operation, row.route) == REALTIME else RestDoor
    if row.field is not None:
        yield SocketDoor if row.field.startswith("Subscription.") else GraphQLDoor


CASES = [
    pytest.param(row, case, door, id="-".join(filter(None, (row.operation, case.name, door.name))))
    for row in ROWS
    for case in row.cases
    for door in _doors(row)
]


class Asking:
    """A case, asked through a door in whatever world there is."""

    def __init__(self, api: Api, row: Row, case: Case, door: Any) -> None:
        self.api = api
        self.row = row
        self.case = case
        self.door = door(api)

    async def ask(self, world: World, caller: str) -> Any:
        me = world.people.get(caller, world.people["owner"]).user_id
        arguments = World({**world.things, "me": me}).fill(self.case.arguments)
        return await self.door.call(self.row.operation, self._who(world, caller), **arguments)

    def _who(self, world: World, caller: str) -> Who:
        if caller == "guest":
            return self._guest(world)
        return world.people.get(caller)

    def _guest(self, world: World) -> str:
        """The session of a guest who was let into the gallery that asks for a password."""
        house = self.api.services.db.house
        guest = Guest(world.things["shared_gallery"], world.things["shared_guest"], 1)
        return guest_token(house.key, guest, house.clock() + timedelta(hours=1))

    @property
    def succeeded(self) -> int:
        """The status of success."""
        routes = [r for r in ROUTES if f"{r.method} {r.path}" == self.row.route]
        return routes[0].status if isinstance(self.door, RestDoor) else 200

    def refused(self, status: int) -> int:
        """GraphQL answers 200 to what it has executed, with the error inside."""
        return status if isinstance(self.door, RestDoor | RealtimeDoor) else 200


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("row", "case", "door"), CASES)
async def test_the_matrix_is_true(api: Api, row: Row, case: Case, door: Any) -> None:
    db, asking = api.services.db, Asking(api, row, case, door)
    expected = case.expected()
    await wipe(db)
    world = await make_world(db)
    before = await state(db)
    for caller in CALLERS:
        status, code = expected[caller]
        if code is None:
            continue
        answer = await asking.ask(world, caller)
        assert (caller, answer.status, answer.code) == (caller, asking.refused(status), code), answer.text
        assert answer.error.keys() == {"code", "message", "details", "remediation", "requestId"}
        assert answer.error["requestId"] == answer.headers["x-request-id"]
        assert await state(db) == before, f"refusing {caller} changed something"
    if expected["stranger"] == (404, "not_found"):
        await _tells_nothing(asking, world)
        assert await state(db) == before
    await _succeeds(asking, world, [caller for caller in CALLERS if expected[caller][1] is None])


async def _tells_nothing(asking: Asking, world: World) -> None:
    """What is hidden from a stranger answers like what does not exist: to the byte, but for the request id."""
    hidden, absent = await asking.ask(world, "stranger"), await asking.ask(world.elsewhere(), "stranger")
    assert hidden.text == absent.text
    assert _stable(hidden.headers) == _stable(absent.headers)


def _stable(headers: httpx.Headers) -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in headers.items() if name not in UNSTABLE)


async def _succeeds(asking: Asking, world: World, callers: Sequence[str]) -> None:
    """Everyone who may finds everything as it was made; reading changes nothing and shows a stranger nothing."""
    db, writes = asking.api.services.db, OPERATIONS[asking.row.operation].write
    for number, caller in enumerate(callers):
        if writes and number:
            world = await make_world(db)
        before = await state(db)
        answer = await asking.ask(world, caller)
        assert (caller, answer.error, answer.status) == (caller, None, asking.succeeded)
        if not writes:
            assert await state(db) == before
            assert caller != "stranger" or _others_in(answer.text, world) == []


def _others_in(text: str, world: World) -> list[str]:
    """The things in an answer that are neither the stranger's own nor shown to everybody by an open gallery."""
    return [name for name, thing in world.things.items() if not name.startswith(_TOLD) and str(thing) in text]
