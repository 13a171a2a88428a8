"""A cluster as one person sees it: its photos, what was decided about it, and what is suggested to them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson

from kilo_gql.codec import stored
from kilo_gql.domain import chips
from kilo_gql.models import Band, ClusterKind, SetKind


class Role(StrEnum):
    """A photo's part in its cluster. ALT: it is not in the running, as the copy of another one."""

    WINNER = "winner"
    CANDIDATE = "candidate"
    ALT = "alt"


class LinkReason(StrEnum):
    """What speaks for a link, in the order of the flags of ``ml.grouping.evidence.Reason``."""

    TIME = "time"
    LOOK = "look"
    SAME_CAMERA = "same_camera"
    SUBSECOND = "subsecond"
    DRIVE = "drive"
    COUNTER = "counter"
    SAME_BYTES = "same_bytes"
    RAW_PAIR = "raw_pair"
    SAME_PICTURE = "same_picture"
    KEPT_SET = "kept_set"
    BY_HAND = "by_hand"


_BITS: Final = tuple(enumerate(LinkReason))
#: How a link is said where time and look do not say it.
_SAID: Final = {
    LinkReason.SAME_BYTES: "the same file",
    LinkReason.RAW_PAIR: "RAW and JPEG of one exposure",
    LinkReason.SAME_PICTURE: "the same picture",
    LinkReason.KEPT_SET: "of one set",
    LinkReason.BY_HAND: "put together by hand",
}


@stored
class Suggested(msgspec.Struct, frozen=True):
    """Photos from the best, with their scores (nats) and probabilities. ``personal``: by the viewer's own ranker.

    ``rest`` and ``rest_margin``: what the chips leave unsaid of the lead over the others and over the runner-up.
    """

    asset_ids: list[UUID]
    scores: list[float]
    probabilities: list[float]
    band: Band
    chips: list[dict[str, Any]]
    rest: float
    rest_margin: float
    personal: bool
    made_at: datetime


@stored
class ClusterAsset(msgspec.Struct, frozen=True):
    """A photo's place in its cluster: ``rank`` from 1.

    ``signals`` as they were measured, null for "can't tell", and two that compare: ``blur`` (0 to 1, against the
    sharpest of the cluster) and ``redundancy`` (0 to 1, the closest likeness to another photo of it). Empty: not
    measured, or not asked for.
    """

    asset_id: UUID
    rank: int
    role: Role
    signals: dict[str, Any] = {}


@stored
class ClusterLink(msgspec.Struct, frozen=True):
    """Why ``to`` is in the cluster: it is linked to ``source``.

    ``look``: how alike they are, 0 to 1; ``score``: logarithm of the odds that they belong together, None where a rule
    or a person decided.
    """

    source: UUID
    to: UUID
    gap_seconds: float | None
    look: float | None
    score: float | None
    flags: int

    @property
    def reasons(self) -> list[LinkReason]:
        return [reason for bit, reason in _BITS if self.flags >> bit & 1]

    @property
    def text(self) -> str:
        """One line: ``0.6 s apart, look 0.94``."""
        said = [] if self.gap_seconds is None else [f"{_duration(abs(self.gap_seconds))} apart"]
        said += [] if self.look is None else [f"look {self.look:.2f}"]
        said += [_SAID[reason] for reason in self.reasons if reason in _SAID]
        return ", ".join(said) or "of one segment"


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


@stored
class ClusterRow(msgspec.Struct, frozen=True):
    """What lists show of a cluster. Fields are columns, in their order; properties are made of them.

    ``asset_ids``: its photos in order of time, without those in the trash.
    """

    id: UUID
    project_id: UUID
    kind: ClusterKind
    parent_id: UUID | None
    title: str | None
    start_time: datetime | None
    end_time: datetime | None
    sort_at: datetime
    kept_set: SetKind | None
    decided_winner_id: UUID | None
    winner_by: UUID | None
    reviewed_at: datetime | None
    reviewed_by: UUID | None
    locked_at: datetime | None
    created_at: datetime
    updated_at: datetime
    #: JSON text: most rows are no sets, and need no parsing.
    evidence: str
    asset_ids: list[UUID]
    suggested_ids: list[UUID] | None
    suggested_scores: list[float] | None
    suggested_probabilities: list[float] | None
    suggested_band: Band | None
    suggested_chips: str | None
    suggested_rest: float | None
    suggested_rest_margin: float | None
    suggested_for: UUID | None
    suggested_at: datetime | None

    @property
    def size(self) -> int:
        return len(self.asset_ids)

    @property
    def reviewed(self) -> bool:
        return self.reviewed_at is not None

    @property
    def locked(self) -> bool:
        return self.locked_at is not None

    @property
    def set_evidence(self) -> dict[str, Any]:
        return {} if self.evidence == "{}" else orjson.loads(self.evidence)

    @property
    def suggestion(self) -> Suggested | None:
        """What is suggested to the viewer: by their own ranker, or by everyone's."""
        if self.suggested_ids is None:
            return None
        return Suggested(
            self.suggested_ids,
            self.suggested_scores or [],
            self.suggested_probabilities or [],
            Band(self.suggested_band or Band.LOW),
            orjson.loads(self.suggested_chips or "[]"),
            self.suggested_rest or 0.0,
            self.suggested_rest_margin or 0.0,
            self.suggested_for is not None,
            self.suggested_at or self.updated_at,
        )

    @property
    def winner_asset_id(self) -> UUID | None:
        """What a person decided; else, until the cluster is reviewed, what is preselected."""
        if self.decided_winner_id is not None:
            return self.decided_winner_id if self.decided_winner_id in self.asset_ids else None
        return self.best_id if not self.reviewed and self.band == Band.HIGH else None

    @property
    def preselected(self) -> bool:
        """Is the winner one that nobody has decided on yet?"""
        return self.decided_winner_id is None and self.winner_asset_id is not None

    @property
    def best_id(self) -> UUID | None:
        """The first of the suggestion; None where it is not there any more, and the ranking speaks of what was."""
        return next((id_ for id_ in (self.suggested_ids or ())[:1] if id_ in self.asset_ids), None)

    @property
    def band(self) -> Band | None:
        return None if self.suggested_band is None else Band(self.suggested_band)

    @property
    def confidence(self) -> float | None:
        """Probability that the suggestion's first photo is the one that would be picked."""
        return self.suggested_probabilities[0] if self.suggested_probabilities else None

    @property
    def score(self) -> float | None:
        """The winner's score in nats, as far as it was ranked."""
        ids = self.suggested_ids or []
        winner = self.winner_asset_id
        return self.suggested_scores[ids.index(winner)] if winner in ids and self.suggested_scores else None

    @property
    def why_winner(self) -> list[str]:
        """Reasons for the winner, where it is the suggested one."""
        if self.winner_asset_id is None or self.winner_asset_id != self.best_id:
            return []
        return [chips.words(chip) for chip in orjson.loads(self.suggested_chips or "[]")]

    @property
    def assets(self) -> list[ClusterAsset]:
        """Its photos by rank: the winner, then as suggested, then the rest in order of time."""
        winner, ranked = self.winner_asset_id, self.suggested_ids
        order = dict.fromkeys([*([] if winner is None else [winner]), *(ranked or ()), *self.asset_ids])
        there, running = set(self.asset_ids), set(self.asset_ids if ranked is None else ranked)
        rows = [id_ for id_ in order if id_ in there]
        roles = (Role.WINNER if id_ == winner else Role.CANDIDATE if id_ in running else Role.ALT for id_ in rows)
        return [ClusterAsset(id_, rank, role) for rank, (id_, role) in enumerate(zip(rows, roles, strict=True), 1)]


@stored
class ClusterDetail(ClusterRow, frozen=True):
    """A cluster with what was measured of each photo, and why each is in it."""

    ranked: list[ClusterAsset]
    links: list[ClusterLink]

    @property
    def assets(self) -> list[ClusterAsset]:
        return self.ranked
