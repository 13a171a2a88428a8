"""Who reads what: subscribers with the same document, variables (but for the cursor) and rights are one group.

``rendering`` makes the bytes once for each group; here they are handed to its members.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

import orjson
import structlog
from graphql import GraphQLSchema
from strawberry.dataloader import DataLoader

from kilo_gql.access import Actor, user_id_of
from kilo_gql.errors import KiloError
from kilo_gql.feed import Batch, Sink
from kilo_gql.graphql.documents import Prepared
from kilo_gql.graphql.executor import Ask
from kilo_gql.graphql.outlets import Outlet
from kilo_gql.graphql.rendering import Counts, Group, Memory, Plan, Source, Told, plan

log = structlog.get_logger("kilo.graphql")

#: Encoded events kept for readers that come back: bytes, all groups together.
_MEMORY: Final = 32 << 20
#: Pairs asked about at once.
_PAIRS: Final = 500

Pair = tuple[Actor, UUID]
#: For each actor and project the rights, as any value that is equal for equal rights, or why it may not read there.
#: Never from a cache: it is asked because something changed.
Rights = Callable[[list[Pair]], Awaitable[Sequence[Hashable | KiloError]]]


class Attaches(Protocol):
    """The part of the hub that is needed here."""

    async def attach(self, project_id: UUID, after: str | None, sink: Sink) -> Callable[[], None]: ...


class Listener(Protocol):
    """The socket behind a subscription. It closes the subscription when either of these is called."""

    @property
    def outlet(self) -> Outlet: ...

    def completed(self, operation_id: str) -> None:
        """Nothing follows."""

    def failed(self, operation_id: str, error: KiloError) -> None:
        """It ends here, for a reason the client can act on."""


class Fanout:
    """The groups of one process. ``sources``: by the name of the subscription field, one for each."""

    def __init__(self, schema: GraphQLSchema, hub: Attaches, sources: Mapping[str, Source], rights: Rights) -> None:
        known = schema.subscription_type.fields if schema.subscription_type else {}
        if missing := known.keys() - sources.keys():
            raise ValueError(f"subscription fields without a source: {sorted(missing)}")
        self.hub = hub
        self.counts = Counts()
        self.groups: dict[Hashable, Group] = {}
        self._schema, self._sources = schema, sources
        self._memory = Memory(_MEMORY)
        self._subscriptions: set[Subscription] = set()
        self._load: DataLoader[Pair, Any] = DataLoader(self._ask, cache=False, max_batch_size=_PAIRS)
        self._rights = rights

    def plan(self, prepared: Prepared, ask: Ask) -> Plan:
        """Check a subscription's variables. Raises BadRequest."""
        return plan(self._schema, self._sources, prepared, ask)

    async def subscribe(self, actor: Actor, plan: Plan, operation_id: str, listener: Listener) -> Subscription:
        """A subscription that reads from now on; what goes wrong later is told to ``listener``. Raises KiloError."""
        project_id = await plan.source.project_of(actor, plan.arguments)
        rights = await self.rights(actor, project_id)
        subscription = Subscription(self, (actor, project_id), plan, operation_id, listener, rights)
        self._subscriptions.add(subscription)
        self.counts.subscriptions += 1
        return subscription

    async def rights(self, actor: Actor, project_id: UUID) -> Hashable:
        """What an actor may see of a project, asked together with what others ask now. Raises KiloError."""
        rights: Hashable = await self._load.load((actor, project_id))
        return rights

    async def recheck(self) -> None:
        """Ask again for everyone's rights. Whoever may not read any more is told so, and the subscription ends."""
        pairs = list(dict.fromkeys(each.pair for each in self._subscriptions))
        for start in range(0, len(pairs), _PAIRS):
            asked = pairs[start : start + _PAIRS]
            found = dict(zip(asked, await self._rights(asked), strict=True))
            for subscription in [each for each in self._subscriptions if each.pair in found]:
                rights = found[subscription.pair]
                if isinstance(rights, KiloError):
                    subscription.fail(rights)
                else:
                    subscription.join(rights)

    def enter(self, plan: Plan, project_id: UUID, rights: Hashable) -> Group:
        """The group of all who share this."""
        key = (project_id, *plan.identity, rights)
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = Group(key, plan, self._memory, self.counts)
        group.members += 1
        self.counts.groups = len(self.groups)
        return group

    def leave(self, group: Group) -> None:
        """The counterpart of ``enter``; the last one closes the group."""
        group.members -= 1
        if not group.members:
            del self.groups[group.key]
            self.counts.groups = len(self.groups)

    def forget(self, subscription: Subscription) -> None:
        """It has ended."""
        self._subscriptions.discard(subscription)
        self.counts.subscriptions = len(self._subscriptions)

    async def _ask(self, pairs: list[Pair]) -> Sequence[Any]:
        return await self._rights(pairs)


class Subscription:
    """One client's operation: a reader of the hub that passes on what its group renders.

    A reader that cannot keep up, or whose rights are in doubt, leaves the hub and comes back with its cursor: what it
    missed is read from the log, so nothing piles up for it, and nothing is told while it is in doubt.
    """

    # thousands are touched one after the other: the fewer cache lines, the better
    __slots__ = (
        "_after", "_away", "_closed", "_counts", "_detach", "_fanout", "_group", "_listener", "_operation_id",
        "_outlet", "_plan", "_prefix", "_task", "_user_id", "pair",
    )  # fmt: skip

    def __init__(
        self, fanout: Fanout, pair: Pair, plan: Plan, operation_id: str, listener: Listener, rights: Hashable
    ) -> None:
        self.pair = pair
        self._fanout, self._plan = fanout, plan
        self._counts = fanout.counts
        self._operation_id, self._listener = operation_id, listener
        self._outlet = listener.outlet
        self._prefix = b'{"id":%b,"type":"next","payload":' % orjson.dumps(operation_id)
        self._user_id = user_id_of(pair[0])
        self._after = plan.after
        self._group = fanout.enter(plan, pair[1], rights)
        self._detach: Callable[[], None] | None = None
        #: What comes in now comes again later, from the log.
        self._away = False
        self._closed = False
        self._task = asyncio.create_task(self._follow(), name="subscription")

    def join(self, rights: Hashable) -> None:
        """Be told what these rights allow from now on."""
        if not self._closed:
            left = self._group
            self._group = self._fanout.enter(self._plan, self.pair[1], rights)
            self._fanout.leave(left)

    def close(self) -> None:
        """Stop: not a byte is sent from here on."""
        if self._closed:
            return
        self._closed = True
        if self._detach is not None:
            self._detach()
        elif self._task is not asyncio.current_task():
            self._task.cancel()
        self._fanout.leave(self._group)
        self._fanout.forget(self)

    def fail(self, error: KiloError) -> None:
        """End with an error that the client is told."""
        if not self._closed:
            self._listener.failed(self._operation_id, error)

    def live(self, batch: Batch) -> None:
        if self._away or self._closed:
            return
        try:
            told = self._group.share(batch)
            if self._concerned(told):
                self._leave(f"{batch[0].epoch}-{batch[0].seq - 1}")
                return
            self._tell(told)
        except Exception:
            self._broken()
            return
        if self._outlet.paused_since is not None and not self._closed:
            self._leave(batch[-1].cursor)

    async def catch_up(self, batch: Batch) -> None:
        while self._outlet.paused_since is not None:
            await self._outlet.drained()
        told = self._group.render(batch)
        if self._concerned(told):
            self.join(await self._fanout.rights(*self.pair))
            told = self._group.render(batch)
        self._after = batch[-1].cursor
        self._tell(told)
        if self._closed:
            raise _Over

    def _concerned(self, told: Told) -> bool:
        doubts = told.doubts
        return doubts is None or (bool(doubts) and self._user_id in doubts)

    def _tell(self, told: Told) -> None:
        if told.tails:
            self._outlet.batch(told, self._prefix)
            self._counts.frames += len(told.tails)
        if told.final:
            self._listener.completed(self._operation_id)

    def _leave(self, after: str) -> None:
        """Stop reading, to go on behind this cursor as soon as possible."""
        self._after, self._away = after, True
        if self._detach is not None:
            self._detach()
            self._detach = None
            self._task = asyncio.create_task(self._follow(), name="subscription")

    async def _follow(self) -> None:
        """Catch up with the hub, and stay with it."""
        try:
            while self._detach is None:
                while self._outlet.paused_since is not None:
                    await self._outlet.drained()
                self._away = False
                detach = await self._fanout.hub.attach(self.pair[1], self._after, self)
                if self._away:
                    detach()
                else:
                    self._detach = detach
        except _Over:
            pass
        except KiloError as error:
            self.fail(error)
        except Exception:
            self._broken()

    def _broken(self) -> None:
        log.exception("subscription_failed", project_id=str(self.pair[1]))
        self.fail(KiloError("Something went wrong on our side.", remediation=["Subscribe again with your cursor."]))


class _Over(Exception):
    """The subscription was closed by what it was told."""
