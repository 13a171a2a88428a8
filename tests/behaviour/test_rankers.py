"""One's own ranker: leave to learn, switching it off, starting over; each one call, and each one's own."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.models import Pick, PickBasis, Ranker, RankerState, Suggestion
from kilo_gql.models.base import uuid7
from tests.support.clock import Clock
from tests.support.doors import Door
from tests.support.make import Make
from tests.support.ranked import Culled

pytestmark = pytest.mark.asyncio(loop_scope="module")

FRESH = {
    "state": "no_consent",
    "why": "You have not allowed KILO to learn from your picks; everyone's ranker ranks for you.",
    "enabled": True, "consented": False, "picks": 0, "needed": 20, "heldOut": 0, "gain": None, "learntAt": None,
    "resetAt": None, "weights": [],
}  # fmt: skip
PURPOSE = {"purpose": "personal_ranking"}


async def active(make: Make, user: UserActor) -> Ranker:
    """A ranker that ranks, with two features."""
    row = Ranker(
        user_id=user.user_id, enabled=True, state=RankerState.ACTIVE, temperature=1.0, picks=24, held_out=19, gain=0.25,
        posterior={
            "features": ["sharpness", "brightness", "noise"], "mean": [1.5, 1.25, -1.0], "sd": [0.5, 0.5, 0.5],
            "shared": [1.6, 0.0, -1.0], "precision": [[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]],
        },
        features_version=1, learnt_at=make.db.house.clock(), updated_at=make.db.house.clock(),
    )  # fmt: skip
    await make.rows(row)
    return row


async def learning_asked(make: Make, user: UserActor) -> int:
    statement = text("SELECT count(*) FROM jobs WHERE status = 'queued' AND once = :once")
    async with make.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        return int((await tx.unchecked(statement, {"once": f"learn:{user.user_id}"})).scalar_one())


async def suggested(culled: Culled) -> list[Any]:
    return [row.user_id for row in await culled.rows(Suggestion, Suggestion.project_id == culled.project.id)]


async def ranked(make: Make, *users: UserActor) -> Culled:
    """A project with everyone's suggestion and one of each user's own."""
    culled = await Culled.of(make.db, users[0])
    a, b = photos = await culled.photos(2)
    moment = await culled.cluster(photos)
    for user_id in (None, *(user.user_id for user in users)):
        await culled.suggest(moment, [a, b], [0.5, 0.5], user_id=user_id)
    return culled


async def pick(culled: Culled, user: UserActor) -> None:
    """A pick that was learnt from."""
    row = Pick(
        user_id=user.user_id, project_id=culled.project.id, cluster_id=uuid7(), at=culled.db.house.clock(),
        basis=PickBasis.UNPROMPTED, asset_ids=[uuid7()], picked=[], rejected=[], features_version=1, values=b"frames",
    )  # fmt: skip
    await culled.make.rows(row)


async def test_nothing_is_learnt_before_one_says_yes(door: Door, make: Make) -> None:
    ada = await make.user()
    assert (await door.call("get_ranker", ada)).ok == FRESH
    assert (await door.call("list_consents", ada)).ok == [
        {**PURPOSE, "granted": False, "grantedAt": None, "revokedAt": None}
    ]
    nothing = (await door.call("set_consent", ada, **PURPOSE, granted=False)).ok
    assert nothing == {**PURPOSE, "granted": False, "grantedAt": None, "revokedAt": None}
    assert await learning_asked(make, ada) == 0


async def test_saying_yes_and_taking_it_back(door: Door, make: Make, clock: Clock) -> None:
    ada, bob = await make.user(), await make.user()
    began = clock()
    yes = (await door.call("set_consent", ada, **PURPOSE, granted=True)).ok
    assert yes == {**PURPOSE, "granted": True, "grantedAt": began, "revokedAt": None}
    assert await learning_asked(make, ada) == 1
    clock.advance(60)
    assert (await door.call("set_consent", ada, **PURPOSE, granted=True)).ok == yes
    assert (await door.call("list_consents", ada)).ok == [yes]
    assert (await door.call("list_consents", bob)).ok[0]["granted"] is False
    shown = (await door.call("get_ranker", ada)).ok
    assert (shown["state"], shown["consented"]) == ("too_few", True)
    assert shown["why"] == ("It needs 20 picks that tell something, and has 0; until then everyone's ranks.")
    no = (await door.call("set_consent", ada, **PURPOSE, granted=False)).ok
    assert no == {**PURPOSE, "granted": False, "grantedAt": began, "revokedAt": clock()}
    clock.advance(60)
    again = (await door.call("set_consent", ada, **PURPOSE, granted=True)).ok
    assert again == {**PURPOSE, "granted": True, "grantedAt": clock(), "revokedAt": None}


async def test_what_was_learnt_is_shown_in_words(door: Door, make: Make) -> None:
    ada, bob = await make.user(), await make.user()
    row = await active(make, ada)
    await Culled(make.db, None).consent(ada)  # type: ignore[arg-type]
    shown = (await door.call("get_ranker", ada)).ok
    assert shown == {
        "state": "active",
        "why": "It foretells your latest picks better than everyone's ranker does, and ranks for you.",
        "enabled": True, "consented": True, "picks": 24, "needed": 20, "heldOut": 19, "gain": 0.25,
        "learntAt": row.learnt_at, "resetAt": None,
        "weights": [
            {"feature": "brightness", "weight": 1.25, "sd": 0.5, "everyone": 0.0, "words": "You prefer brighter"},
            {"feature": "sharpness", "weight": 1.5, "sd": 0.5, "everyone": 1.6, "words": None},
        ],
    }  # fmt: skip
    assert (await door.call("get_ranker", bob)).ok == FRESH


@pytest.mark.parametrize(
    ("operation", "arguments", "state"),
    [
        ("set_consent", {**PURPOSE, "granted": False}, "no_consent"),
        ("set_ranker_enabled", {"enabled": False}, "off"),
        ("reset_ranker", {}, "too_few"),
    ],
)
async def test_one_call_and_everyones_counts_again(
    door: Door, make: Make, clock: Clock, operation: str, arguments: dict[str, Any], state: str
) -> None:
    ada, bob = await make.user(), await make.user()
    await active(make, ada)
    culled = await ranked(make, ada, bob)
    hers = await ranked(make, ada)
    await culled.consent(ada)
    await pick(culled, ada)
    await pick(culled, bob)
    await door.call(operation, ada, **arguments)
    assert set(await suggested(culled)) == {None, bob.user_id}
    assert await suggested(hers) == [None]
    shown = (await door.call("get_ranker", ada)).ok
    assert (shown["state"], shown["picks"], shown["gain"], shown["weights"]) == (state, 0, None, [])
    assert shown["resetAt"] == (clock() if operation == "reset_ranker" else None)
    assert shown["enabled"] is (operation != "set_ranker_enabled")
    [row] = await culled.rows(Ranker, Ranker.user_id == ada.user_id)
    assert (row.posterior, row.temperature) == (None, None)
    frames = {row.user_id: (row.values, row.features_version) for row in await culled.rows(Pick)}
    kept = (b"frames", 1)
    assert frames[bob.user_id] == kept
    assert frames[ada.user_id] == (kept if operation == "set_ranker_enabled" else (None, None))


async def test_switching_it_on_learns_anew_and_what_stands_is_left(door: Door, make: Make) -> None:
    ada = await make.user()
    culled = await ranked(make, ada)
    await culled.consent(ada)
    await active(make, ada)
    assert (await door.call("set_ranker_enabled", ada, enabled=True)).ok["state"] == "active"
    assert set(await suggested(culled)) == {None, ada.user_id}
    assert (await door.call("set_ranker_enabled", ada, enabled=False)).ok["state"] == "off"
    assert await learning_asked(make, ada) == 0
    assert (await door.call("set_ranker_enabled", ada, enabled=True)).ok["state"] == "too_few"
    assert await learning_asked(make, ada) == 1


async def test_without_leave_switching_on_learns_nothing(door: Door, make: Make) -> None:
    ada = await make.user()
    for enabled in (False, True):
        shown = (await door.call("set_ranker_enabled", ada, enabled=enabled)).ok
        assert (shown["state"], shown["enabled"]) == ("no_consent", enabled)
    assert await learning_asked(make, ada) == 0


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [("set_consent", {**PURPOSE, "granted": True}), ("set_ranker_enabled", {"enabled": False}), ("reset_ranker", {})],
)
async def test_a_keyed_call_is_replayed(door: Door, make: Make, operation: str, arguments: dict[str, Any]) -> None:
    ada = await make.user()
    await active(make, ada)
    first = await door.call(operation, ada, key="k" * 8, **arguments)
    again = await door.call(operation, ada, key="k" * 8, **arguments)
    assert (again.replayed, again.ok) == (True, first.ok)


async def test_what_is_no_purpose_is_refused(door: Door, make: Make) -> None:
    ada = await make.user()
    refused = await door.call("set_consent", ada, purpose="everything", granted=True)
    assert refused.code == ("bad_request" if door.name == "rest" else "graphql_invalid")
    assert (await door.call("get_ranker", ada)).ok == FRESH


async def test_the_cards_are_the_files(door: Door, make: Make) -> None:
    ada = await make.user()
    files = {path.stem: path.read_text() for path in Path(__file__).parents[2].joinpath("ml/cards").glob("*.md")}
    listed = (await door.call("list_model_cards", ada)).ok
    assert [card["name"] for card in listed] == sorted(files)
    for card in listed:
        written = files[card["name"]]
        assert card == (await door.call("get_model_card", ada, name=card["name"])).ok
        assert card["markdown"] == written
        assert card["version"] == hashlib.sha256(written.encode()).hexdigest()[:12]
    titles = {card["name"]: card["title"] for card in listed}
    assert titles["ranking"] == "Winner of a cluster"
    missing = await door.call("get_model_card", ada, name="../ranking")
    assert (missing.status if door.name == "rest" else 404, missing.code) == (404, "not_found")
