"""``concept-v1``: photos and words in 64 documented dimensions, without weights. See ``cards/concept-v1.md``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

from ml.embedding import aliases, layout, light, palette, shot, view
from ml.embedding.dimensions import DIM, vector
from ml.embedding.facts import Facts
from ml.embedding.space import TextQuery
from ml.planes import Bytes, Floats
from ml.signals import Signals

NAME: Final = "concept-v1"
_NOTHING_KNOWN: Final = Facts()


def describe(preview: Bytes, signals: Signals | None = None, facts: Facts = _NOTHING_KNOWN) -> Floats:
    """(64,) float32 of upright sRGB pixels (height, width, 3), what was measured in them and is known of the photo.

    The same input gives the same bits, whatever the threads and whichever photos come before.
    """
    return vector(measured(preview, signals, facts))


def measured(preview: Bytes, signals: Signals | None = None, facts: Facts = _NOTHING_KNOWN) -> dict[str, float]:
    """The detectors' numbers by dimension, nan for "can't tell"; what needs more than was given is left out."""
    seen = view.of(preview)
    found = palette.measure(seen) | light.measure(seen, facts) | layout.measure(seen)
    return found | shot.place(found, facts) | shot.of_signals(signals) | shot.of_facts(facts)


class ConceptSpace:
    """The space that is always there. Not unit vectors: a photo with many concepts is not punished for the others."""

    name: Final = NAME
    dim: Final = DIM
    metric: Final[Literal["ip"]] = "ip"

    def encode_images(self, pictures: Sequence[Bytes]) -> Floats:
        """(n, 64) float32, from pixels alone: signals and facts go to ``describe``."""
        return np.array([describe(picture) for picture in pictures], np.float32).reshape(-1, DIM)

    def encode_text(self, text: str) -> TextQuery | None:
        """Sizes of a vector's entries add up to 1: a score is the weighted mean of the concepts asked for."""
        return aliases.query(text)
