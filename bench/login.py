"""What the way in withstands: ``python -m bench.login --guesses 10000 --verifies 200 --refreshes 100 --samples 1000``.

Starts an embedded PostgreSQL in a temporary folder and prints one line a figure. Ends with status 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import statistics
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy import func, select

from kilo_gql import assembly, embedded, migrate
from kilo_gql.access import Anonymous, Perm, System
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain import auth, sessions
from kilo_gql.errors import KiloError
from kilo_gql.models import LoginChallenge, RefreshToken, Session
from kilo_gql.operations import Throat

NOBODY, HOUSE = Anonymous(), System("bench")


class NoBells:
    """Nobody listens here."""

    def ring_events(self) -> None: ...

    def ring_jobs(self, jobs: list[tuple[str, UUID]]) -> None: ...

    def ring_ended(self, sessions: list[UUID]) -> None: ...


async def challenge(throat: Throat, email: str) -> tuple[UUID, str]:
    """A challenge whose mail is out, and its code."""
    started = (await throat.execute(NOBODY, auth.start_login, email)).value
    async with throat.db.transaction(HOUSE, Perm.SYSTEM) as tx:
        mail = await auth.prepare_login_mail(tx, started.challenge_id)
        await tx.session.commit()
    assert mail is not None
    return started.challenge_id, mail.secret.replace("-", "")


async def tally(calls: Iterable[Awaitable[object]]) -> tuple[Counter[str], float]:
    """How the calls ended when all were made at once, and how many seconds that took."""

    async def one(call: Awaitable[object]) -> str:
        try:
            await call
        except KiloError as error:
            return error.code
        return "ok"

    started = time.perf_counter()
    answers = await asyncio.gather(*(one(call) for call in calls))
    return Counter(answers), time.perf_counter() - started


async def guesses(throat: Throat, count: int) -> bool:
    """Parallel wrong guesses on one challenge: five are evaluated, and the right code is then refused as well."""
    challenge_id, code = await challenge(throat, "guessed@example.org")
    wrong = [f"{(int(code) + 1 + n) % 10**8:08d}" for n in range(count)]
    random.shuffle(wrong)
    answers, seconds = await tally(
        throat.execute(NOBODY, auth.verify_login, str(challenge_id), guess) for guess in wrong
    )
    late, _ = await tally([throat.execute(NOBODY, auth.verify_login, str(challenge_id), code)])
    async with throat.db.transaction(HOUSE, Perm.SYSTEM, write=False) as tx:
        evaluated = await tx.scalar(select(LoginChallenge.attempts).where(LoginChallenge.id == challenge_id))
    print(f"guesses    {count} parallel: {evaluated} evaluated, {dict(answers)}, then the right code: {dict(late)}; "
          f"{seconds:.2f} s, {count / seconds:.0f}/s")  # fmt: skip
    return bool(evaluated == 5 and late == {"login_refused": 1} and set(answers) == {"login_refused"})


async def verifies(throat: Throat, count: int) -> bool:
    """Parallel correct answers to one challenge: one signs in."""
    challenge_id, code = await challenge(throat, "verified@example.org")
    before = await rows(throat.db, Session)
    answers, seconds = await tally(
        throat.execute(NOBODY, auth.verify_login, str(challenge_id), code) for _ in range(count)
    )
    made = await rows(throat.db, Session) - before
    print(f"verifies   {count} parallel: {made} session, {dict(answers)}; {seconds:.2f} s")
    return answers["ok"] == 1 == made


async def refreshes(throat: Throat, count: int) -> bool:
    """Parallel uses of one refresh token: one successor, and the same pair for all."""
    challenge_id, code = await challenge(throat, "refreshed@example.org")
    signed = (await throat.execute(NOBODY, auth.verify_login, str(challenge_id), code)).value
    before = await rows(throat.db, RefreshToken)
    started = time.perf_counter()
    done = await asyncio.gather(*(throat.execute(NOBODY, sessions.refresh, signed.refresh_token) for _ in range(count)))
    seconds = time.perf_counter() - started
    pairs = {(one.value.access_token, one.value.refresh_token) for one in done}
    made = await rows(throat.db, RefreshToken) - before
    print(f"refreshes  {count} parallel: {made} successor, {len(pairs)} different pair; {seconds:.2f} s")
    return made == 1 == len(pairs)


async def timing(throat: Throat, samples: int) -> bool:
    """Known against unknown addresses, interleaved: the answers must not differ in time."""
    known = [f"known{n}@example.org" for n in range(samples // 5)]
    for email in known:
        challenge_id, code = await challenge(throat, email)
        await throat.execute(NOBODY, auth.verify_login, str(challenge_id), code)
    times: dict[bool, list[float]] = {True: [], False: []}
    for n in range(samples):
        pair = [(True, known[n % len(known)]), (False, f"other{n % len(known)}@example.org")]
        random.shuffle(pair)
        for is_known, email in pair:
            started = time.perf_counter()
            await throat.execute(NOBODY, auth.start_login, email)
            times[is_known].append((time.perf_counter() - started) * 1_000)
    medians = {kind: statistics.median(values) for kind, values in times.items()}
    p = kolmogorov_smirnov(times[True], times[False])
    delta = abs(medians[True] - medians[False])
    print(f"timing     {samples} samples each: known {medians[True]:.3f} ms, unknown {medians[False]:.3f} ms, "
          f"|Δ| {delta:.3f} ms, KS p {p:.3f}")  # fmt: skip
    return delta < 1 and p > 0.01


def kolmogorov_smirnov(a: list[float], b: list[float]) -> float:
    """The two-sample test's asymptotic p-value (Smirnov 1948)."""
    a, b = sorted(a), sorted(b)
    d = max(abs(bisect_right(a, x) / len(a) - bisect_right(b, x) / len(b)) for x in (*a, *b))
    scaled = d * math.sqrt(len(a) * len(b) / (len(a) + len(b)))
    p = 2 * sum((-1.0) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, p))


async def rows(db: Database, model: type) -> int:
    """Rows of a table."""
    async with db.transaction(HOUSE, Perm.SYSTEM, write=False) as tx:
        return int(await tx.scalar(select(func.count()).select_from(model)))


async def run(settings: Settings, url: str, options: argparse.Namespace) -> bool:
    """All of it, one after the other."""
    await migrate.migrate(url)
    db = Database(url, assembly.house_of(settings), pool=settings.database_pool)
    throat = Throat(db, NoBells())
    parts: list[tuple[Callable[[Throat, int], Awaitable[bool]], int]] = [
        (guesses, options.guesses), (verifies, options.verifies), (refreshes, options.refreshes),
        (timing, options.samples),
    ]  # fmt: skip
    try:
        return all([await part(throat, count) for part, count in parts if count])
    finally:
        await db.close()


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("guesses", 10_000), ("verifies", 200), ("refreshes", 100), ("samples", 1_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(20))
    with tempfile.TemporaryDirectory(prefix="kilo-bench-") as home:
        settings = Settings(home=Path(home))
        server = embedded.start(Path(home))
        try:
            met = asyncio.run(run(settings, embedded.url(server), options))
        finally:
            embedded.stop(server)
    print("all bars met" if met else "A BAR WAS MISSED")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
