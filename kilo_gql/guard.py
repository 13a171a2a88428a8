"""May a stream go on? Asked at once when something about its reader changed, and every half minute besides."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import structlog

from kilo_gql.access import Actor, Guest, TokenActor, UserActor
from kilo_gql.events import Event, EventName, tells_of_deeds
from kilo_gql.waiting import finished, happened

_EVERY: Final = 30.0
#: Seconds over which checks are spread that were caused by a change which may concern everyone.
_SPREAD: Final = 2.0
_RETRY: Final = 1.0
#: Seconds from one check to the next at least, where a right is about to end.
_SOON: Final = 0.1

_log: Final = structlog.get_logger(__name__)

#: Asks the throat again; True or False, or until when as far as can be known now. It raises if that cannot be told at
#: the moment.
Allowed = Callable[[], Coroutine[Any, Any, bool | datetime]]


def concerns(actor: Actor) -> frozenset[str]:
    """The ids whose change may end what the actor reads."""
    if isinstance(actor, UserActor):
        return frozenset((str(actor.user_id), str(actor.session_id)))
    if isinstance(actor, TokenActor):
        return frozenset((str(actor.user_id), str(actor.token_id)))
    if isinstance(actor, Guest):
        return frozenset((str(actor.gallery_id),))
    return frozenset()


class Guard:
    """One stream's right to go on. While it is in doubt, ``settled`` waits: nothing is sent in that time."""

    def __init__(self, project_id: UUID, actor: Actor, allowed: Allowed) -> None:
        self.project_id = project_id
        self._ids = concerns(actor)
        self._allowed = allowed
        self._doubt = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()

    def heard(self, payload: str) -> None:
        """The bell rang for ``session``: an id that ended, or "" for any."""
        if payload in self._ids:
            self._question()
        elif not payload:
            asyncio.get_running_loop().call_later(random.uniform(0, _SPREAD), self._question)  # noqa: S311

    def saw(self, events: Iterable[Event]) -> None:
        """The project's log went on: did this reader's membership change, or who may see the project or gallery?"""
        if any(self._matters(event) for event in events):
            self._question()

    async def settled(self) -> None:
        """Return when nothing is in doubt. Never returns for a reader that was refused: its stream is being ended."""
        await self._settled.wait()

    async def refused(self) -> None:
        """Return when the reader may not go on. While that cannot be told, it stays in doubt."""
        while (allowed := await self._check()) is not False:
            # spread, so that streams opened together are not checked together for ever
            pause = _RETRY if allowed is None else _EVERY * random.uniform(0.8, 1.2)  # noqa: S311
            if isinstance(allowed, datetime):
                pause = min(pause, max(_SOON, (allowed - datetime.now(UTC)).total_seconds()))
            await happened(self._doubt, pause)

    async def _check(self) -> bool | datetime | None:
        self._doubt.clear()
        try:
            allowed = await finished(self._allowed())
        except Exception as error:
            _log.warning("cannot tell whether a stream may go on", project_id=self.project_id, error=repr(error))
            self._settled.clear()
            return None
        if not allowed:
            self._settled.clear()
        elif not self._doubt.is_set():
            self._settled.set()
        return allowed

    def _matters(self, event: Event) -> bool:
        match event.name:
            case EventName.PROJECT_UPDATED:
                return "status" in event.changed
            case EventName.MEMBER_UPDATED:
                return self._names(event)
            case EventName.GALLERY_UPDATED:
                return not tells_of_deeds(event) and self._names(event)
        return False

    def _names(self, event: Event) -> bool:
        return not self._ids.isdisjoint(map(str, event.ids))

    def _question(self) -> None:
        self._settled.clear()
        self._doubt.set()
