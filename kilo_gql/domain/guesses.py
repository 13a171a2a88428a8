"""Guessing a gallery's password: how often, from one address and from all of them together.

A guess is counted, and the count committed, before it is evaluated: guesses that are made at the same moment find one
another's, and no lock and no connection is held while a hash is computed. A right password is given back.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final
from uuid import UUID

from sqlalchemy import case, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from kilo_gql.db import House, Tx
from kilo_gql.errors import RateLimited
from kilo_gql.models import GalleryGuess

#: Wrong guesses that are evaluated in a window, which begins with the first: of one address, of all together.
GUESSES: Final = 10
TOGETHER: Final = 100
WINDOW: Final = timedelta(minutes=15)

_EVERYBODY: Final = b""
#: Of IPv6, one customer has at least a network of this length.
_NETWORK: Final = 64


@dataclass(frozen=True, slots=True)
class Guess:
    """A guess that may be evaluated. ``left``: how many more this address has, should it be wrong."""

    gallery_id: UUID
    address: bytes
    windows: dict[bytes, datetime]
    left: int


async def count_guess(tx: Tx, gallery_id: UUID, address: str) -> Guess:
    """Take one of the guesses that an address has left, and commit that. Raises RateLimited ``too_many_guesses``."""
    origin = _proof_of(tx.house, gallery_id, address)
    with tx.trust("wrong guesses are counted before anybody is let in"):
        own = await _take(tx, gallery_id, origin, GUESSES)
        # the row that all addresses share comes last, and is held for no longer than the commit takes
        together = await _take(tx, gallery_id, _EVERYBODY, TOGETHER)
        await tx.session.commit()
    windows = {origin: own.window_ends_at, _EVERYBODY: together.window_ends_at}
    return Guess(gallery_id, origin, windows, max(0, GUESSES - own.count))


async def give_back(tx: Tx, guess: Guess) -> None:
    """The password was right, so this was no guess."""
    with tx.trust("wrong guesses are counted before anybody is let in"):
        for address in (guess.address, _EVERYBODY):
            statement = (
                update(GalleryGuess)
                .where(
                    GalleryGuess.gallery_id == guess.gallery_id,
                    GalleryGuess.address == address,
                    GalleryGuess.window_ends_at == guess.windows[address],
                    GalleryGuess.count > 0,
                )
                .values(count=GalleryGuess.count - 1)
                .execution_options(synchronize_session=False)
            )
            await tx.session.execute(statement)


async def _take(tx: Tx, gallery_id: UUID, address: bytes, most: int) -> Any:
    """One statement counts and compares, so guesses at the same moment cannot slip past the count."""
    over = GalleryGuess.window_ends_at <= tx.now
    ends_at = tx.now + WINDOW
    statement = (
        insert(GalleryGuess)
        .values(gallery_id=gallery_id, address=address, count=1, window_ends_at=ends_at)
        .on_conflict_do_update(
            index_elements=[GalleryGuess.gallery_id, GalleryGuess.address],
            set_={
                "count": case((over, 1), else_=GalleryGuess.count + 1),
                "window_ends_at": case((over, ends_at), else_=GalleryGuess.window_ends_at),
            },
            where=or_(over, GalleryGuess.count < most),
        )
        .returning(GalleryGuess.count, GalleryGuess.window_ends_at)
    )
    taken = (await tx.session.execute(statement)).one_or_none()
    if taken is None:
        raise await _too_many(tx, gallery_id, address)
    return taken


async def _too_many(tx: Tx, gallery_id: UUID, address: bytes) -> RateLimited:
    ends_at = await tx.scalar(
        select(GalleryGuess.window_ends_at).where(
            GalleryGuess.gallery_id == gallery_id, GalleryGuess.address == address
        )
    )
    wait = min(WINDOW, ends_at - tx.now)  # a guess that began before the window did would wait for longer than that
    return RateLimited(
        "Too many wrong passwords were tried.",
        code="too_many_guesses",
        remediation=["Ask the photographer for the password.", "Try again later."],
        retry_after=max(1.0, wait.total_seconds()),
    )


def _proof_of(house: House, gallery_id: UUID, address: str) -> bytes:
    """What is kept of an address: worthless without the key, and another one for each gallery."""
    return hmac.digest(house.key("guess-addresses"), f"{gallery_id} {origin_of(address)}".encode(), "sha256")


def origin_of(address: str) -> str:
    """Who counts as one: an IPv4 address, also one that is written as IPv6, or a network of IPv6."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, _NETWORK), strict=False))
