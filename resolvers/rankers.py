"""What can be asked of one's own ranker, of consents, and of model cards."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from kilo_gql.domain import consents, model_cards, rankers
from kilo_gql.models import ConsentPurpose as Purposes
from resolvers.arguments import IdempotencyKey
from resolvers.binding import ask, ask_list, change
from schema.base import Info
from schema.rankers import Consent, ConsentPayload, ConsentPurpose, ModelCard, Ranker, RankerPayload

Enabled = Annotated[bool, strawberry.argument(description="False: everyone's ranker ranks for you.")]
Purpose = Annotated[ConsentPurpose, strawberry.argument(description="What for.")]
Granted = Annotated[bool, strawberry.argument(description="False takes it back, and what was learnt is forgotten.")]
CardName = Annotated[str, strawberry.argument(description="The card's name, such as ranking.")]


@strawberry.type
class RankerQuery:
    """Root fields that read them."""

    @ask(rankers.get_ranker, Ranker)
    async def ranker(self, info: Info) -> Any:
        return await info.context.read(rankers.get_ranker)

    @ask_list(consents.list_consents, Consent, bound=len(Purposes))
    async def consents(self, info: Info) -> Any:
        return await info.context.read(consents.list_consents)

    @ask(model_cards.get_model_card, ModelCard)
    async def model_card(self, info: Info, name: CardName) -> Any:
        return await info.context.read(model_cards.get_model_card, name)

    @ask_list(model_cards.list_model_cards, ModelCard, bound=model_cards.CARDS_MAX)
    async def model_cards(self, info: Info) -> Any:
        return await info.context.read(model_cards.list_model_cards)


@strawberry.type
class RankerMutation:
    """Root fields that change them."""

    @change(rankers.set_ranker_enabled, RankerPayload)
    async def set_ranker_enabled(self, info: Info, enabled: Enabled, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(rankers.set_ranker_enabled, enabled, idempotency_key=idempotency_key)

    @change(rankers.reset_ranker, RankerPayload)
    async def reset_ranker(self, info: Info, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(rankers.reset_ranker, idempotency_key=idempotency_key)

    @change(consents.set_consent, ConsentPayload)
    async def set_consent(
        self, info: Info, purpose: Purpose, granted: Granted, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(consents.set_consent, purpose, granted, idempotency_key=idempotency_key)
