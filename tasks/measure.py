"""Measuring photos: one as it comes in, and those of a project that have nothing of the present versions.

What is measured is the preview as it is stored, in both cases by the same call, so a photo's numbers are the same
whenever and by whom they are found.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog

from kilo_gql.domain import clustering, measuring
from kilo_gql.domain.measuring import Measured, Standard, Unmeasured
from kilo_gql.errors import NotFound
from kilo_gql.jobs import JobType
from kilo_gql.model_catalogue import ModelKind
from kilo_gql.model_store import ModelStore
from tasks.child import ChildClosed, ChildError
from tasks.kit import Kit
from tasks.registry import handles

#: Photos that are written together.
BATCH: Final = 16
#: Seconds after which a job lets others have their turn: the rest is a job of its own.
TURN: Final = 30.0

_log: Final = structlog.get_logger(__name__)


@handles(JobType.PROJECT_MEASURE, patient=True)
async def measure(kit: Kit) -> None:
    """Measure what is missing, in batches that are each committed, for as long as it is this project's turn.

    A photo that cannot be measured is passed over. Whoever looks for photos to measure will come back to it.
    """
    project_id, until = kit.claim.project_id, time.monotonic() + TURN
    assert project_id is not None
    after = UUID(kit.arguments["after"]) if "after" in kit.arguments else None
    async with kit.read() as tx:
        busy = await measuring.is_busy(tx, project_id, kit.claim.id)
        tools = tools_of(kit, await measuring.face_models(tx))
        standard = tools.standard
        todo = await measuring.count_unmeasured(tx, project_id, standard, after)
    if busy:
        async with kit.finish({"skipped": "another job measures this project"}) as tx:
            await measuring.come_back(tx, project_id, after)
        return
    seen = measured = 0
    while photos := await _next(kit, project_id, standard, after):
        found = [(photo, one) for photo in photos if (one := await _of_stored(kit, tools, photo)) is not None]
        async with kit.write() as tx:
            measured += len(await measuring.write_again(tx, project_id, found))
        seen, after = seen + len(photos), photos[-1].asset_id
        kit.report(min(seen / max(todo, 1), 1.0), "measuring", f"{seen:,} of {todo:,}")
        if time.monotonic() >= until:
            break
    async with kit.finish({"measured": measured, "seen": seen}) as tx:
        if measured:
            await clustering.follow(tx, project_id)
        if photos and after is not None:
            await measuring.go_on(tx, project_id, after)


async def _next(kit: Kit, project_id: UUID, standard: Standard, after: UUID | None) -> list[Unmeasured]:
    async with kit.read() as tx:
        return await measuring.find_unmeasured(tx, project_id, standard, after, BATCH)


@dataclass(frozen=True, slots=True)
class Tools:
    """By what this machine measures now, and the files of the models that look for faces (None: nobody does).

    ``eyeless``: by what, where the landmarker turns out to be of no use.
    """

    standard: Standard
    eyeless: Standard
    detector: str | None = None
    landmarker: str | None = None


def tools_of(kit: Kit, face_models: Mapping[str, Sequence[str]] | None) -> Tools:
    """``face_models`` as ``measuring.face_models`` has them: if one is not installed here, nobody looks for faces."""
    from ml.descriptors import DESCRIPTORS_VERSION
    from ml.embedding.concept import NAME
    from ml.signals import SIGNALS_VERSION

    standard = Standard(SIGNALS_VERSION, DESCRIPTORS_VERSION, NAME)
    used, store = face_models or {}, ModelStore(kit.settings.home / "models")
    try:
        paths = {kind: str(store.path(name, sha256)) for kind, (name, sha256) in used.items()}
    except NotFound as error:
        _log.warning("faces are not looked for", why=error.message)
        return Tools(standard, standard)
    if (detector := paths.get(ModelKind.FACE_DETECTOR)) is None:
        return Tools(standard, standard)
    named = [f"{name}@{sha256[:8]}" for _, (name, sha256) in sorted(used.items())]  # the detector first
    whole, eyeless = (replace(standard, face_models="+".join(names)) for names in (named, named[:1]))
    return Tools(whole, eyeless, detector, paths.get(ModelKind.FACE_LANDMARKS))


async def measured_or_none(kit: Kit, tools: Tools, path: Path, known: Mapping[str, Any]) -> Measured | None:
    """What the child measures in the preview at ``path``; None if it cannot, for which no photo must be lost."""
    given = {"path": str(path), "known": dict(known), "detector": tools.detector, "landmarker": tools.landmarker}
    try:
        answer = await kit.call("ml.measuring:measure", **given)
    except ChildClosed:
        raise
    except ChildError as error:
        _log.warning("a photo was not measured", job=str(kit.claim.id), path=path.name, error=str(error))
        return None
    return msgspec.convert({**answer, "standard": tools.standard if answer["in_the_eyes"] else tools.eyeless}, Measured)


async def _of_stored(kit: Kit, tools: Tools, photo: Unmeasured) -> Measured | None:
    try:
        async with kit.workshop.store.local_path(photo.key) as path:
            return await measured_or_none(kit, tools, path, photo.known)
    except NotFound as error:
        _log.warning("a photo was not measured", asset=str(photo.asset_id), error=error.message)
        return None
