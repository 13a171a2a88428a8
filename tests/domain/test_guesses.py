"""Guessing a gallery's password: what is evaluated, and what is refused without a look."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from datetime import timedelta

import pytest
import pytest_asyncio

from kilo_gql.access import Anonymous, Guest
from kilo_gql.db import Database
from kilo_gql.domain import guesses
from kilo_gql.domain.guests import GuestPass, authenticate_guest
from kilo_gql.domain.shared_galleries import open_gallery
from kilo_gql.errors import KiloError, RateLimited
from kilo_gql.guest_tokens import read_guest_token
from kilo_gql.models import ActivityKind, GalleryActivity, GalleryGuess, GalleryGuest
from kilo_gql.operations import Throat
from tests.support.clock import Clock
from tests.support.make import Make
from tests.support.sharing import PASSWORD, PASSWORD_HASH, Shown, rows_of, show

HOME = "192.0.2.1"
WRONG = "open says me"
#: argon2id of "open sesame" as the house makes them: some 40 ms.
SLOW_HASH = "$argon2id$v=19$m=19456,t=2,p=1$ERX4HjQ/5XDlLek5SE593w$56MwdGMVZAETPKoNON46kdqYHtBs9eUkhQAM4ViydbY"


class Door:
    """A locked gallery, and guesses at its password."""

    def __init__(self, throat: Throat, shown: Shown) -> None:
        self.throat, self.shown = throat, shown

    async def enter(self, password: str, address: str = HOME) -> GuestPass:
        slug = self.shown.slug
        return (await self.throat.execute(Anonymous(), authenticate_guest, slug, password, address)).value

    async def guess(self, password: str = WRONG, address: str = HOME) -> str:
        """The code of the refusal; "in": it was right."""
        try:
            await self.enter(password, address)
        except KiloError as error:
            return error.code
        return "in"


@pytest_asyncio.fixture
async def door(throat: Throat, make: Make) -> Door:
    return Door(throat, await show(make, 1, password_hash=PASSWORD_HASH))


async def test_ten_wrong_guesses_are_looked_at_and_no_more(door: Door, db: Database, clock: Clock) -> None:
    assert [await door.guess() for _ in range(10)] == ["wrong_password"] * 10
    assert [await door.guess(), await door.guess(PASSWORD)] == ["too_many_guesses"] * 2
    clock.advance(60)
    with pytest.raises(RateLimited) as refused:
        await door.enter("wrong")
    assert refused.value.retry_after == guesses.WINDOW.total_seconds() - 60
    assert await door.guess(PASSWORD, "192.0.2.2") == "in"
    clock.advance(14 * 60)
    assert [await door.guess(), await door.guess(PASSWORD)] == ["wrong_password", "in"]


async def test_how_many_are_left_is_told(door: Door) -> None:
    left = []
    for _ in range(10):
        with pytest.raises(KiloError) as refused:
            await door.enter("wrong")
        left.append(refused.value.details["guessesLeft"])
    assert left == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]


async def test_the_right_password_is_no_guess(door: Door) -> None:
    for _ in range(20):
        assert await door.guess(PASSWORD) == "in"
    assert [await door.guess() for _ in range(9)] == ["wrong_password"] * 9
    assert [await door.guess(PASSWORD), await door.guess(PASSWORD)] == ["in", "in"]
    assert [await door.guess(), await door.guess(PASSWORD)] == ["wrong_password", "too_many_guesses"]


async def test_a_hundred_from_everywhere_are_looked_at_and_no_more(door: Door, db: Database) -> None:
    seed = random.randrange(2**32)
    sys.stdout.write(f"seed {seed}\n")
    addresses = [f"198.51.100.{n}" for n in range(30) for _ in range(5)]
    random.Random(seed).shuffle(addresses)
    codes = [await door.guess(address=address) for address in addresses]
    assert codes == ["wrong_password"] * 100 + ["too_many_guesses"] * 50
    assert await door.guess(PASSWORD) == "too_many_guesses"
    counted = await rows_of(db, GalleryGuess)
    assert {row.count for row in counted if row.address == b""} == {100}
    assert sum(row.count for row in counted if row.address != b"") == 100


async def test_fifty_at_once_are_ten(door: Door) -> None:
    codes = Counter(await asyncio.gather(*(door.guess() for _ in range(50))))
    assert codes == {"wrong_password": 10, "too_many_guesses": 40}


async def test_two_hundred_at_once_from_everywhere_are_a_hundred(door: Door) -> None:
    codes = Counter(await asyncio.gather(*(door.guess(address=f"203.0.113.{n % 50}") for n in range(200))))
    assert codes == {"wrong_password": 100, "too_many_guesses": 100}


async def test_no_connection_is_held_while_a_hash_is_computed(make: Make, db: Database, throat: Throat) -> None:
    """With one connection for all, whoever looks while others guess does not wait for their hashes to be done."""
    shown = await show(make, 1, password_hash=SLOW_HASH)
    narrow = Database(db.engine.url.set(drivername="postgresql").render_as_string(False), db.house, pool=1)
    try:
        inside = Throat(narrow, throat.bells)
        door, order = Door(inside, shown), list[str]()

        async def guess() -> None:
            order.append(await door.guess())

        async def look() -> None:
            await inside.execute(Anonymous(), open_gallery, shown.slug)
            order.append("looked")

        await asyncio.gather(*(guess() for _ in range(10)), look())
        assert sorted(order) == ["looked", *["wrong_password"] * 10]
        assert order.index("looked") < 10
    finally:
        await narrow.close()


async def test_galleries_are_counted_apart(throat: Throat, make: Make) -> None:
    one, other = [Door(throat, await show(make, 1, password_hash=PASSWORD_HASH)) for _ in range(2)]
    assert [await one.guess() for _ in range(11)][-1] == "too_many_guesses"
    assert await other.guess() == "wrong_password"


async def test_what_is_kept_of_an_address_is_not_the_address(door: Door, db: Database) -> None:
    await door.guess(address=HOME)
    kept = [row.address for row in await rows_of(db, GalleryGuess)]
    assert sorted(len(address) for address in kept) == [0, 32]
    assert not any(HOME.encode() in address for address in kept)


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("?", "?"),
    ],
)
def test_who_counts_as_one(address: str, origin: str) -> None:
    assert guesses.origin_of(address) == origin


async def test_who_is_let_in_is_told_so_and_nothing_else(door: Door, db: Database, clock: Clock) -> None:
    session = await door.enter(PASSWORD)
    said = read_guest_token(db.house.key, session.token, clock.now)
    gallery = door.shown.gallery
    assert (said.guest.gallery_id, said.guest.version) == (gallery.id, gallery.version)
    assert session.expires_at - clock.now == timedelta(hours=24)
    [line] = await rows_of(db, GalleryActivity)
    assert (line.kind, line.guest_id) == (ActivityKind.AUTHENTICATED, said.guest.guest_id)
    assert session.token not in repr(session)


async def test_a_refusal_leaves_nothing_but_the_count(door: Door, db: Database) -> None:
    assert await door.guess() == "wrong_password"
    assert await rows_of(db, GalleryActivity) == []
    assert await rows_of(db, GalleryGuest) == []
    assert sorted(row.count for row in await rows_of(db, GalleryGuess)) == [1, 1]


async def test_the_owner_is_never_locked_out(door: Door, throat: Throat) -> None:
    for _ in range(11):
        await door.guess()
    told = (await throat.execute(door.shown.owner, open_gallery, door.shown.slug)).value
    assert (told.preview, told.gallery_id) == (True, door.shown.gallery.id)


async def test_who_is_in_stays_in(door: Door, throat: Throat, db: Database, clock: Clock) -> None:
    session = await door.enter(PASSWORD)
    for _ in range(11):
        await door.guess()
    guest = read_guest_token(db.house.key, session.token, clock.now).guest
    assert isinstance(guest, Guest)
    assert (await throat.execute(guest, open_gallery, door.shown.slug)).value.requires_auth is False


async def test_an_open_gallery_asks_for_nothing(throat: Throat, make: Make, db: Database) -> None:
    door = Door(throat, await show(make, 1))
    assert {await door.guess("whatever") for _ in range(12)} == {"in"}
    assert await rows_of(db, GalleryGuess) == []


@pytest.mark.parametrize("password", ["", "x" * 201])
async def test_a_password_has_a_length(door: Door, db: Database, password: str) -> None:
    assert await door.guess(password) == "bad_request"
    assert await rows_of(db, GalleryGuess) == []
