"""Model cards: what each part that judges photos does, what it was measured to do, and where it ends.

They lie beside the models, as texts; nothing of ``ml`` itself is loaded.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.errors import NotFound
from kilo_gql.operations import operation

_SUFFIX: Final = ".md"
_TITLE: Final = ": model card"
CARDS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class ModelCard:
    """``version`` changes with the text. ``markdown`` is all of it, the title included."""

    name: str
    title: str
    version: str
    markdown: str


@operation(Perm.RANKER_READ)
async def list_model_cards(tx: Tx) -> list[ModelCard]:
    """The cards of all models, by name."""
    return list(_cards().values())


@operation(Perm.RANKER_READ)
async def get_model_card(tx: Tx, name: str) -> ModelCard:
    """The card of one model: what it does, what it was measured to do, and where it ends."""
    if (card := _cards().get(name)) is None:
        raise NotFound("There is no card of this name.", remediation=[f"There are: {', '.join(_cards())}."])
    return card


@cache
def _cards() -> dict[str, ModelCard]:
    found = sorted((file for file in files("ml").joinpath("cards").iterdir()), key=lambda file: file.name)
    texts = {file.name.removesuffix(_SUFFIX): file.read_text("utf-8") for file in found if file.name.endswith(_SUFFIX)}
    return {name: _card(name, markdown) for name, markdown in texts.items()}


def _card(name: str, markdown: str) -> ModelCard:
    title = markdown.partition("\n")[0].removeprefix("# ").removesuffix(_TITLE)
    return ModelCard(name, title, hashlib.sha256(markdown.encode()).hexdigest()[:12], markdown)
