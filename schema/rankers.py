"""A photographer's own ranker, their consents, and model cards as GraphQL shows them."""

from __future__ import annotations

from datetime import datetime

import strawberry

from kilo_gql import models
from kilo_gql.domain import consents, model_cards, rankers
from schema.base import bounded, receipt, shows, text, value

strawberry.enum(models.RankerState, description="Whether one's own ranker ranks (ACTIVE), or why everyone's does.")
RankerState = models.RankerState
strawberry.enum(models.ConsentPurpose, description="What may be learnt from what one does.")
ConsentPurpose = models.ConsentPurpose

#: Far above the number of features.
WEIGHTS_MAX = 64


@shows(rankers.Weight)
@strawberry.type(description="What one feature counts for you and for everyone, in nats for a step of its scale.")
class RankerWeight:
    """One feature's weight."""

    feature: str = text("The feature: sharpness, brightness, …; the model card ranking explains each.")
    weight: float = text("What it counts for you.")
    sd: float = text("The standard deviation of that.")
    everyone: float = text("What it counts for everyone.")
    words: str | None = text("What that says of you, such as `You prefer brighter`, where it is clear.")


@shows(rankers.OwnRanker)
@strawberry.type(description="Your own ranker, learnt from your picks alone and seen by nobody else.")
class Ranker:
    """How it stands, and what it has learnt."""

    state: RankerState = text("Whether it ranks for you, or why everyone's does.")
    why: str = text("The same, in words.")
    enabled: bool = text("Have you left it switched on?")
    consented: bool = text("Have you allowed that it learns from your picks?")
    picks: int = text("How many picks that tell something it was learnt from.")
    needed: int = text("How many it needs.")
    held_out: int = text("How many of the latest picks it was put to the test with, before it had seen them.")
    gain: float | None = text("By how many nats a pick it foretold those better than everyone's ranker; null: no test.")
    learnt_at: datetime | None = text("When it was last learnt.")
    reset_at: datetime | None = text("Picks until then are forgotten.")
    weights: list[RankerWeight] = bounded("What it has learnt, the farthest from everyone's first.", WEIGHTS_MAX)


@shows(consents.Leave)
@strawberry.type(description="Whether KILO may learn from what you do, for one purpose.")
class Consent:
    """A purpose and your word on it."""

    purpose: ConsentPurpose = text("What for.")
    granted: bool = text("Is it allowed?")
    granted_at: datetime | None = text("When you last allowed it.")
    revoked_at: datetime | None = text("When you took that back.")


@shows(model_cards.ModelCard)
@strawberry.type(description="What a model does, what it was measured to do, and where it ends.")
class ModelCard:
    """A text beside a model."""

    name: str = text("What it is called.")
    title: str = text("Its headline.")
    version: str = text("Changes with the text.")
    markdown: str = text("The card, as Markdown.")


@strawberry.type(description="Your ranker after a mutation.")
class RankerPayload:
    """What mutations of one's ranker answer."""

    ranker: Ranker = value("Your ranker as it is now.", Ranker)
    receipt: None = receipt()


@strawberry.type(description="Your word after a mutation.")
class ConsentPayload:
    """What ``setConsent`` answers."""

    consent: Consent = value("Your word as it is now.", Consent)
    receipt: None = receipt()
