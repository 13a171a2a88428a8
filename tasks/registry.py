"""Who does what: exactly one handler for each type of job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from kilo_gql.jobs import QUEUES, JobType
from kilo_gql.models import Queue

if TYPE_CHECKING:
    from uuid import UUID

    from kilo_gql.claims import Failure
    from kilo_gql.db import Tx
    from tasks.kit import Kit

Work = Callable[["Kit"], Awaitable[Mapping[str, Any] | None]]
#: What a failed job means to the things it was about, told in the transaction that ends it: (tx, asset id, why).
Aftermath = Callable[["Tx", "UUID", "Failure"], Awaitable[None]]
#: The same, told by the job's own id.
Obituary = Callable[["Tx", "UUID", "Failure"], Awaitable[None]]

#: The modules that declare handlers; a new one is added here.
MODULES: Final = (
    "tasks.cluster",
    "tasks.drills",
    "tasks.embed",
    "tasks.export",
    "tasks.gallery_render",
    "tasks.house",
    "tasks.ingest",
    "tasks.learn",
    "tasks.mail",
    "tasks.measure",
    "tasks.purge",
    "tasks.rank",
    "tasks.render",
    "tasks.webhooks",
)


@dataclass(frozen=True, slots=True)
class Handler:
    """A type's handler. ``attempts``: how often its job is tried (None: as the settings say).

    ``patient``: an attempt that found the store or the disk wanting was none, and is made again until they are well.
    ``failed`` is told when a job about an asset has failed for good, whether here or because its workers died, or was
    canceled while it ran; ``over`` likewise, of any job.
    """

    type: JobType
    work: Work
    attempts: int | None = None
    failed: Aftermath | None = None
    over: Obituary | None = None
    patient: bool = False


_handlers: Final[dict[str, Handler]] = {}


def handles(
    type_: JobType,
    *,
    queue: Queue | None = None,
    attempts: int | None = None,
    failed: Aftermath | None = None,
    over: Obituary | None = None,
    patient: bool = False,
) -> Callable[[Work], Work]:
    """Declare the handler of a type of job: a coroutine that is given its ``Kit`` and returns the job's result.

    The queue of a type stands in ``kilo_gql.jobs.QUEUES``; naming it here as well is checked against that.
    """

    def declare(work: Work) -> Work:
        if type_ in _handlers:
            raise TypeError(f"two handlers for {type_}")
        if queue is not None and queue is not QUEUES[type_]:
            raise TypeError(f"{type_} waits in {QUEUES[type_]}, not in {queue}")
        _handlers[type_] = Handler(type_, work, attempts, failed, over, patient)
        return work

    return declare


def handlers() -> Mapping[str, Handler]:
    """Every handler by type. Raises LookupError if a type has none."""
    for module in MODULES:
        import_module(module)
    if missing := set(JobType) - set(_handlers):
        raise LookupError(f"no handler for {', '.join(sorted(missing))}")
    return _handlers
