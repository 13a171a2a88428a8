"""From words to concepts: a table of aliases (``aliases_en.toml``, a language a file) and how a query is read."""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Final

import numpy as np

from ml.embedding.dimensions import DIM, PLACES
from ml.embedding.space import TextQuery

ENGLISH: Final = "en"
_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


@dataclass(frozen=True, slots=True)
class Aliases:
    """``weights``: words (a tuple: they stand in a row) to concepts, by dimension; ``negations`` turn what follows;
    ``silent`` mean nothing here; ``longest``: so many words the longest alias has."""

    weights: dict[tuple[str, ...], dict[str, float]]
    negations: frozenset[str]
    silent: frozenset[str]
    longest: int


@functools.cache
def table(language: str = ENGLISH) -> Aliases:
    """The aliases of a language. Raises FileNotFoundError if there are none, ValueError for an unsound table."""
    text = resources.files("ml.embedding").joinpath(f"aliases_{language}.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    weights: dict[tuple[str, ...], dict[str, float]] = {}
    for concepts, names in _entries(data):
        if unknown := set(concepts) - set(PLACES):
            raise ValueError(f"no dimension: {', '.join(sorted(unknown))}")
        for name in names:
            words = tuple(_words(name))
            if words in weights:
                raise ValueError(f"twice: {name}")
            weights[words] = concepts
    longest = max(map(len, weights))
    return Aliases(weights, frozenset(data["negations"]), frozenset(data["silent"]), longest)


def query(text: str, language: str = ENGLISH) -> TextQuery | None:
    """The concepts that a text names, the longest aliases first, as weights whose sizes add up to 1; None if none.

    A negation ("without flash") turns the alias after it. Words that mean nothing to the table are told.
    """
    known = table(language)
    vector = np.zeros(DIM)
    understood: list[str] = []
    ignored: list[str] = []
    for words, sign in _read(_words(text), known):
        concepts = known.weights.get(words)
        if concepts is None:
            ignored += words
            continue
        understood += words
        for concept, weight in concepts.items():
            vector[PLACES[concept]] += sign * weight
    total = float(np.abs(vector).sum())
    if not total:
        return None
    return TextQuery((vector / total).astype(np.float32), tuple(understood), tuple(ignored))


def _read(words: list[str], known: Aliases) -> Iterator[tuple[tuple[str, ...], int]]:
    """Aliases and unknown words in their order, each with its sign; silent words are passed over."""
    at, sign = 0, 1
    while at < len(words):
        found = next((tuple(words[at : at + n]) for n in range(known.longest, 0, -1)
                      if tuple(words[at : at + n]) in known.weights), None)  # fmt: skip
        if found is None and words[at] in known.negations:
            sign = -1
        elif found is not None or words[at] not in known.silent:
            yield found or (words[at],), sign
            sign = 1
        at += len(found or (words[at],))


def _words(text: str) -> list[str]:
    return [word.replace("’", "'") for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold())]


def _entries(data: dict[str, dict[str, str]]) -> Iterator[tuple[dict[str, float], list[str]]]:
    """Of ``[one]``: a dimension and its names. Of ``[several]``: dimensions with weights, and the names of the mix."""
    for concept, names in data["one"].items():
        yield {concept: 1.0}, names.split(",")
    for mixed, names in data["several"].items():
        weights = {name: float(weight) for name, weight in (part.split() for part in mixed.split(","))}
        total = sum(map(abs, weights.values()))
        yield {name: weight / total for name, weight in weights.items()}, names.split(",")
