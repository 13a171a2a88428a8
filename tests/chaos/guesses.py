"""Somebody guesses at a gallery's password over HTTP, steadily, from one address and then from many.

    python -m tests.chaos.guesses --guesses 1000 --rate 50

One address may be wrong ten times in a quarter of an hour, all of them together a hundred times; what comes beyond is
answered without a look at the password. Meanwhile the photographer, and a guest who was let in before, go on as ever.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from kilo_gql import embedded, migrate, tokens
from kilo_gql.domain import guesses
from kilo_gql.models import Gallery, GalleryGuess
from tests.chaos.site import Site, open_site
from tests.support.galleries import make_gallery
from tests.support.make import Make
from tests.support.sharing import rows_of, visitor

_PASSWORD = "correct horse battery staple"
#: Seconds for which an answer is waited.
_PATIENCE = 300


@dataclass(frozen=True)
class Plan:
    """``guesses`` from one address, then as many from ``addresses`` of them; ``rate`` is per second."""

    guesses: int = 1000
    rate: float = 50.0
    addresses: int = 20
    seed: int = 20261121


@dataclass
class Wave:
    """What came of guessing: answers by code, and what the refusals said about waiting, in seconds."""

    sent: int = 0
    seconds: float = 0.0
    evaluated: int = 0
    refused: int = 0
    others: Counter[str] = field(default_factory=Counter)
    retry_after: list[int] = field(default_factory=list)
    slowest_refusal_ms: float = 0.0

    def note(self, response: httpx.Response, seconds: float) -> None:
        self.sent += 1
        code = response.json().get("code", "in")
        if code == "wrong_password":
            self.evaluated += 1
        elif code == "too_many_guesses":
            self.refused += 1
            self.retry_after.append(int(response.headers["retry-after"]))
            self.slowest_refusal_ms = max(self.slowest_refusal_ms, round(seconds * 1000, 1))
        else:
            self.others[code] += 1


@dataclass
class Figures:
    """What the server answered, and what it counted."""

    plan: Plan
    one_address: Wave = field(default_factory=Wave)
    many_addresses: Wave = field(default_factory=Wave)
    counted_together: int = 0
    right_from_the_guesser: str = ""
    right_from_elsewhere: str = ""
    owner_looks: int = 0
    guest_goes_on: int = 0

    def check(self) -> None:
        """Raises AssertionError if a promise was broken."""
        one, many = self.one_address, self.many_addresses
        assert (one.evaluated, one.refused) == (guesses.GUESSES, one.sent - guesses.GUESSES), one
        assert one.evaluated + many.evaluated <= guesses.TOGETHER, many
        assert not one.others + many.others, (one.others, many.others)
        window = guesses.WINDOW.total_seconds()
        assert all(0 < wait <= window for wait in (*one.retry_after, *many.retry_after))
        assert self.right_from_the_guesser == "too_many_guesses"
        assert (self.owner_looks, self.guest_goes_on) == (200, 200)

    def shown(self) -> dict[str, Any]:
        told = asdict(self)
        for wave in (told["one_address"], told["many_addresses"]):
            waits = wave.pop("retry_after")
            wave["retry_after"] = {"least": min(waits), "greatest": max(waits)} if waits else None
        return told


class Guessing:
    """One run against a server of its own."""

    def __init__(self, plan: Plan, database_url: str, home: Path) -> None:
        self.plan, self.url, self.home = plan, database_url, home
        self.figures = Figures(plan)

    async def run(self) -> Figures:
        async with open_site(self.url, self.home) as site:
            hashed = await tokens.hash_password(_PASSWORD)
            project = await Make(site.db).project(site.owner)
            gallery = await make_gallery(site.db, project, [], password_hash=hashed)
            base = f"http://127.0.0.1:{site.servers[0].port}/v1/share/{gallery.share_slug}"
            await self._waves(base)
            await self._afterwards(site, gallery, base)
        return self.figures

    async def _waves(self, base: str) -> None:
        await self._wave(base, self.figures.one_address, ["127.0.0.1"])
        # the rest of the loopback network are other addresses to the server
        others = [f"127.0.1.{n + 1}" for n in range(self.plan.addresses)]
        await self._wave(base, self.figures.many_addresses, others)

    async def _wave(self, base: str, wave: Wave, addresses: list[str]) -> None:
        """Guesses at a steady rate; an answer that is late does not hold up the next guess."""
        chance, begun = random.Random(self.plan.seed), time.monotonic()
        clients = [httpx.AsyncClient(transport=_from(one), timeout=_PATIENCE) for one in addresses]

        async def guess(number: int) -> None:
            await asyncio.sleep(max(0.0, begun + number / self.plan.rate - time.monotonic()))
            started = time.monotonic()
            response = await chance.choice(clients).post(f"{base}/auth", json={"password": f"guess {number}"})
            wave.note(response, time.monotonic() - started)

        await asyncio.gather(*(guess(number) for number in range(self.plan.guesses)))
        wave.seconds = round(time.monotonic() - begun, 1)
        for client in clients:
            await client.aclose()

    async def _afterwards(self, site: Site, gallery: Gallery, base: str) -> None:
        figures = self.figures
        [together] = await rows_of(site.db, GalleryGuess, gallery_id=gallery.id, address=b"")
        figures.counted_together = together.count
        figures.right_from_the_guesser = await _enter(base, "127.0.0.1")
        figures.right_from_elsewhere = await _enter(base, "127.0.2.1")
        async with httpx.AsyncClient(timeout=60) as client:
            owner = {"authorization": f"Bearer {site.token()}"}
            guest = {"authorization": f"Bearer {visitor(site.db, gallery)}"}
            figures.owner_looks = (await client.get(base, headers=owner)).status_code
            figures.guest_goes_on = (await client.get(f"{base}/photos", headers=guest)).status_code


def _from(address: str) -> httpx.AsyncHTTPTransport:
    """Each guess on a connection of its own: the server may close one that idles just as it is used again."""
    return httpx.AsyncHTTPTransport(
        local_address=address, limits=httpx.Limits(max_connections=None, max_keepalive_connections=0)
    )


async def _enter(base: str, address: str) -> str:
    """The right password from an address: "in", or the code of the refusal."""
    async with httpx.AsyncClient(transport=_from(address), timeout=60) as client:
        response = await client.post(f"{base}/auth", json={"password": _PASSWORD})
    return str(response.json().get("code", "in"))


async def _alone(plan: Plan) -> Figures:
    """A run with a database that is made for it."""
    home = Path(tempfile.mkdtemp(prefix="kilo-guesses-"))
    server = embedded.start(home)
    try:
        url = embedded.url(server)
        await migrate.migrate(url)
        return await Guessing(plan, url, home).run()
    finally:
        embedded.stop(server)
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--guesses", type=int, default=Plan.guesses, help="from one address, and from many")
    parser.add_argument("--rate", type=float, default=Plan.rate, help="guesses a second")
    parser.add_argument("--addresses", type=int, default=Plan.addresses)
    parser.add_argument("--seed", type=int, default=Plan.seed)
    figures = asyncio.run(_alone(Plan(**vars(parser.parse_args()))))
    sys.stdout.write(json.dumps(figures.shown(), indent=2) + "\n")
    figures.check()


if __name__ == "__main__":
    main()
