"""Letters, and the two ways they go: through an SMTP server, or into a folder of the embedded KILO.

What a letter says may be a secret: it is in no log, no error and no repr.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, make_msgid, parseaddr
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

from kilo_gql.config import Settings
from kilo_gql.db import House
from kilo_gql.errors import Unavailable
from kilo_gql.models.base import uuid7

#: Seconds an SMTP server may take for each of its answers.
_TIMEOUT: Final = 20.0
_RETRY_AFTER: Final = 30.0

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """A plain text mail to one address."""

    to: str
    subject: str
    text: str = field(repr=False)


class Post(Protocol):
    """A way for letters to go."""

    async def send(self, letter: Letter) -> None:
        """Hand the letter over. Raises Unavailable ``mail_unavailable``, without ``retry_after`` if it is for good."""


def message_of(letter: Letter, sender: str, house: House) -> EmailMessage:
    """The letter as RFC 5322 has it, marked as written by a program (RFC 3834)."""
    message = EmailMessage(policy=SMTP if letter.to.isascii() else SMTPUTF8)
    message["From"] = sender
    message["To"] = letter.to
    # a title or a name in the subject may not begin a header of its own
    message["Subject"] = " ".join(letter.subject.split())
    message["Date"] = format_datetime(house.clock())
    message["Message-ID"] = make_msgid(domain=parseaddr(sender)[1].rpartition("@")[2] or "localhost")
    message["Auto-Submitted"] = "auto-generated"
    # links stay whole where they can: soft line breaks make them hard to copy
    message.set_content(letter.text, cte="7bit" if letter.text.isascii() else "quoted-printable")
    return message


class Mailbox:
    """A folder of ``.eml`` files: the mail of an installation without a mail server."""

    def __init__(self, folder: Path, sender: str, house: House) -> None:
        self.folder = folder
        self.sender = sender
        self.house = house

    async def send(self, letter: Letter) -> None:
        """Write the letter as a file that only this account can read, and log where it is."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / f"{uuid7()}.eml"
        draft = path.with_suffix(".part")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(message_of(letter, self.sender, self.house).as_bytes())
        draft.rename(path)
        _log.info("mail waits in the mailbox", file=str(path))


class Smtp:
    """An SMTP server: ``smtps://`` speaks TLS from the start, ``smtp://`` upgrades with STARTTLS.

    A password is never sent in the clear: with one in the URL, ``smtp://`` insists on STARTTLS.
    """

    def __init__(self, url: str, sender: str, house: House) -> None:
        self.sender = sender
        self.house = house
        parts = urlsplit(url)
        user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
        tls = parts.scheme == "smtps"
        self._options = {
            "hostname": parts.hostname,
            "port": parts.port,
            "username": user,
            "password": password,
            "use_tls": tls,
            "start_tls": True if password and not tls else (False if tls else None),
            "timeout": _TIMEOUT,
        }

    async def send(self, letter: Letter) -> None:
        """Hand the letter to the server."""
        message = message_of(letter, self.sender, self.house)
        try:
            await aiosmtplib.send(message, **self._options)  # type: ignore[arg-type]
        except (aiosmtplib.SMTPException, OSError) as error:
            # the server's own words may quote the letter
            raise Unavailable(
                f"The mail server did not take the letter ({type(error).__name__}).",
                code="mail_unavailable",
                remediation=["Check KILO_SMTP_URL, and whether the server can be reached from here."],
                retry_after=None if _for_good(error) else _RETRY_AFTER,
            ) from None


def _for_good(error: Exception) -> bool:
    refused = error.recipients if isinstance(error, aiosmtplib.SMTPRecipientsRefused) else [error]
    return all(isinstance(one, aiosmtplib.SMTPResponseException) and one.code >= 500 for one in refused)


def post_of(settings: Settings, house: House) -> Post:
    """The way for letters that the settings ask for."""
    if settings.smtp_url is not None:
        return Smtp(settings.smtp_url.get_secret_value(), settings.mail_from, house)
    return Mailbox(settings.home / "mailbox", settings.mail_from, house)
