"""What every embedding space answers, whatever is behind it: pictures and words as vectors that can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, Protocol

from ml.planes import Bytes, Floats

#: Pictures that are taken at once: by a model, and by a call of the child that runs it.
BATCH: Final = 32


@dataclass(frozen=True, slots=True, eq=False)
class TextQuery:
    """Words as a vector: ``vector`` (dim,) float32; ``understood`` and ``ignored`` say which words it stands for."""

    vector: Floats
    understood: tuple[str, ...]
    ignored: tuple[str, ...] = ()


class EmbeddingSpace(Protocol):
    """The inner product of a picture's vector and a text's says how well they fit: more is better."""

    @property
    def name(self) -> str:
        """Unique: vectors of two names are never compared."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def metric(self) -> Literal["ip"]:
        """Inner product. Learned spaces give unit vectors, so that it is the cosine there."""

    def encode_images(self, pictures: Sequence[Bytes]) -> Floats:
        """(n, dim) float32 of upright sRGB pixels, each (height, width, 3), of any size."""

    def encode_text(self, text: str) -> TextQuery | None:
        """None: nothing in it is understood, and whoever asks should ask elsewhere."""


class Reason(StrEnum):
    """Why a learned space cannot be had."""

    EXTRA_MISSING = "extra_missing"
    WEIGHTS_MISSING = "weights_missing"
    CHECKSUM_MISMATCH = "checksum_mismatch"
    WEIGHTS_UNKNOWN = "weights_unknown"
    VOCABULARY_MISSING = "vocabulary_missing"
    TEXT_UNSUPPORTED = "text_unsupported"
    DEVICE_MISSING = "device_missing"


class Unusable(Exception):
    """There is no such learned space here; ``concept-v1`` still serves. The message is for a person."""

    def __init__(self, code: Reason, message: str) -> None:
        super().__init__(message)
        self.code = code
