"""Letters: what they say, where they go, and that their secrets are nowhere else."""

from __future__ import annotations

import email
import email.policy
import stat
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from kilo_gql.config import Settings
from kilo_gql.db import Database, House
from kilo_gql.domain import auth, invitations, projects, users
from kilo_gql.errors import Unavailable
from kilo_gql.mail import Letter, Mailbox, Smtp, message_of, post_of
from kilo_gql.models import Delivery, Queue, Role
from kilo_gql.operations import Throat
from tasks.kit import Kit, Workshop
from tasks.registry import handlers
from tests.conftest import SilentBells
from tests.support.jobs import Floor
from tests.support.login import NOBODY, everything, start
from tests.support.make import Make
from tests.support.smtp import smtp_sink


async def deliver(floor: Floor, settings: Settings, db: Database) -> dict[str, Any]:
    """Do the one job that waits, as a worker would; returns its result."""
    claim = await floor.claimed(Queue.IO)
    kit = Kit(Workshop(settings, db, SilentBells(), children=None, store=None), claim)  # type: ignore[arg-type]
    result = dict(await handlers()[claim.type].work(kit) or {})
    await floor.finish(claim, result)
    return result


def letters(settings: Settings) -> list[Any]:
    paths = sorted((settings.home / "mailbox").glob("*"))
    return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in paths]


async def test_a_code_arrives_in_the_mailbox(throat: Throat, floor: Floor, db: Database, settings: Settings) -> None:
    challenge = await start(throat, "ada@example.org")
    with capture_logs() as logs:
        assert await deliver(floor, settings, db) == {"sent": True}
    [letter] = letters(settings)
    code = letter.get_content().split("\n")[2].strip()
    assert (letter["To"], letter["From"], letter["Subject"]) == (
        "ada@example.org", "KILO <no-reply@localhost>", "Your KILO sign-in code",
    )  # fmt: skip
    assert (letter["Auto-Submitted"], letter.get_content_type()) == ("auto-generated", "text/plain")
    [path] = (settings.home / "mailbox").iterdir()
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    said = [entry for entry in logs if entry["event"] != "guard lifted"]
    assert said == [{"event": "mail waits in the mailbox", "file": str(path), "log_level": "info"}]
    assert code not in await everything(db) + repr(logs)
    done = await throat.execute(NOBODY, auth.verify_login, str(challenge), code)
    assert done.value.user.email == "ada@example.org"


async def test_a_link_arrives_whole(throat: Throat, floor: Floor, db: Database, settings: Settings) -> None:
    challenge = await start(throat, "ada@example.org", Delivery.MAGIC_LINK)
    await deliver(floor, settings, db)
    [path] = (settings.home / "mailbox").iterdir()
    assert f"    http://127.0.0.1:8400/sign-in?challenge={challenge}&code=" in path.read_text()


async def test_an_invitation_arrives(
    throat: Throat, make: Make, floor: Floor, db: Database, settings: Settings
) -> None:
    ada, bob = await make.user(), await make.user("bob@example.org")
    title = "Hochzeit Jürgen & Zoë"
    project = (await throat.execute(ada, projects.create_project, projects.NewProject(title))).value
    await throat.execute(ada, users.update_me, "Ada Łovelace")
    await throat.execute(ada, invitations.invite_member, project.id, "bob@example.org", Role.EDITOR)
    assert await deliver(floor, settings, db) == {"sent": True}
    [letter] = letters(settings)
    body = letter.get_content()
    assert letter["Subject"] == "An invitation to a KILO project"
    assert f"Ada Łovelace invites you to the project “{title}” as editor." in body
    code = next(line for line in body.splitlines() if "/join?code=" in line).partition("code=")[2]
    assert (await throat.execute(bob, invitations.accept_invitation, code)).value.role is Role.EDITOR


async def test_what_is_over_is_not_sent(
    throat: Throat, make: Make, floor: Floor, db: Database, settings: Settings
) -> None:
    ada = await make.user()
    project = await make.project(ada)
    invited = await throat.execute(ada, invitations.invite_member, project.id, "bob@example.org", Role.VIEWER)
    await throat.execute(ada, invitations.revoke_invitation, invited.value.id)
    assert await deliver(floor, settings, db) == {"sent": False}
    assert letters(settings) == []


async def test_smtp(throat: Throat, floor: Floor, db: Database, settings: Settings) -> None:
    await start(throat, "ada@example.org")
    async with smtp_sink() as sink:
        url = SecretStr(f"smtp://127.0.0.1:{sink.port}")
        assert await deliver(floor, settings.model_copy(update={"smtp_url": url}), db) == {"sent": True}
    assert (sink.recipients, len(sink.letters), letters(settings)) == (["ada@example.org"], 1, [])
    letter = email.message_from_bytes(sink.letters[0], policy=email.policy.default)
    assert letter["Subject"] == "Your KILO sign-in code"


@pytest.mark.parametrize(("answer", "retry_after"), [("450 later", 30.0), ("550 never", None)])
async def test_a_server_that_refuses(house: House, answer: str, retry_after: float | None) -> None:
    letter = Letter("ada@example.org", "Hi", "the code is 1234-5678")
    async with smtp_sink() as sink:
        sink.answer = answer
        with pytest.raises(Unavailable) as failed:
            await Smtp(f"smtp://127.0.0.1:{sink.port}", "KILO <k@example.org>", house).send(letter)
    assert (failed.value.code, failed.value.retry_after, sink.letters) == ("mail_unavailable", retry_after, [])
    assert "1234" not in repr((failed.value, failed.value.details, letter))


async def test_a_server_that_is_away(house: House) -> None:
    with pytest.raises(Unavailable) as failed:
        await Smtp("smtp://127.0.0.1:1", "KILO <k@example.org>", house).send(Letter("ada@example.org", "Hi", ""))
    assert (failed.value.code, failed.value.retry_after) == ("mail_unavailable", 30.0)


async def test_a_password_is_never_sent_in_the_clear(house: House) -> None:
    async with smtp_sink() as sink:
        post = Smtp(f"smtp://user:secret@127.0.0.1:{sink.port}", "KILO <k@example.org>", house)
        with pytest.raises(Unavailable):
            await post.send(Letter("ada@example.org", "Hi", ""))
    assert (sink.verbs, "secret" in repr(post)) == (["EHLO"], False)


@pytest.mark.parametrize(
    ("to", "subject"),
    [
        ("ada@example.org", "Hi\r\nBcc: eve@example.org"),
        ("ada@example.org", "Hi\nX-A: b\n\nbody"),
        ("ädä@example.org", "Ü"),
    ],
)
def test_nothing_injects_a_header(house: House, to: str, subject: str) -> None:
    data = message_of(Letter(to, subject, "text\r\n.\r\nmore"), "KILO <k@example.org>", house).as_bytes()
    parsed = email.message_from_bytes(data, policy=email.policy.default)
    assert parsed.keys() == [
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Type", "Content-Transfer-Encoding",
        "MIME-Version",
    ]  # fmt: skip
    assert (parsed["To"], parsed["Subject"]) == (to, " ".join(subject.split()))


def test_where_letters_go(settings: Settings, house: House) -> None:
    assert isinstance(post_of(settings, house), Mailbox)
    assert isinstance(post_of(settings.model_copy(update={"smtp_url": SecretStr("smtps://h")}), house), Smtp)
    assert post_of(settings, house).folder == settings.home / "mailbox"
