"""The tokens of CLIP's text towers: byte pair encoding (Sennrich et al. 2016) with OpenAI's merges, from a file."""

from __future__ import annotations

import gzip
import html
import itertools
import re
import sys
import unicodedata
import zlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ml.embedding.space import Reason, Unusable

FILENAME: Final = "bpe_simple_vocab_16e6.txt.gz"
_BYTES: Final = 256
#: Before which token a text begins, and with which it ends: the last two of the vocabulary.
_MARKS: Final = 2
_WORD_END: Final = "</w>"
#: What typography makes of quotes and letters, and what the models were trained with.
_QUOTES: Final = str.maketrans("‘’‛“”‟", "'''\"\"\"")
_LIGATURES: Final = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl"})


class Vocabulary:
    """Merges in their order; ``size`` tokens in all, numbered as the models have them."""

    def __init__(self, merges: list[tuple[str, str]]) -> None:
        letters = list(_letters().values())
        tokens = [*letters, *(letter + _WORD_END for letter in letters), *("".join(pair) for pair in merges)]
        self._number = {token: number for number, token in enumerate(tokens)}
        self._rank = {pair: rank for rank, pair in enumerate(merges)}
        self._known: dict[str, list[int]] = {}
        self.size = len(tokens) + _MARKS

    def encode(self, text: str, length: int) -> list[int]:
        """``length`` numbers: the mark of the beginning, the text, that of the end, and zeros; cut if it is longer."""
        found = [number for piece in _pieces(text) for number in self._numbers(piece)]
        start, end = self.size - 2, self.size - 1
        kept = [start, *found[: length - _MARKS], end]
        return kept + [0] * (length - len(kept))

    def _numbers(self, piece: str) -> list[int]:
        if piece not in self._known:
            letters = [_letters()[byte] for byte in piece.encode()]
            parts = self._merged([*letters[:-1], letters[-1] + _WORD_END])
            self._known[piece] = [self._number[part] for part in parts]
        return self._known[piece]

    def _merged(self, parts: list[str]) -> list[str]:
        """The pair that was merged first in training is merged wherever it stands, until none is left."""
        while True:
            pairs = [pair for pair in itertools.pairwise(parts) if pair in self._rank]
            if not pairs:
                return parts
            first, second = min(pairs, key=self._rank.__getitem__)
            joined: list[str] = []
            for part in parts:
                if joined and joined[-1] == first and part == second:
                    joined[-1] += second
                else:
                    joined.append(part)
            parts = joined


def load(weights: Path, size: int) -> Vocabulary:
    """The vocabulary of ``size`` tokens that lies beside the weights, or that an installed open_clip brings along.

    Raises Unusable if there is none, or one that does not fit.
    """
    found = next((path for path in _places(weights) if path.is_file()), None)
    if found is None:
        raise Unusable(Reason.VOCABULARY_MISSING, f"{FILENAME} is missing beside {weights.name}.")
    count = size - 2 * _BYTES - _MARKS
    try:
        lines = gzip.decompress(found.read_bytes()).decode().split("\n")[1:]
        merges = [(first, second) for first, second in (line.split(" ") for line in lines[:count] if line)]
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise Unusable(Reason.VOCABULARY_MISSING, f"{found} is no vocabulary: {error}.") from error
    if len(merges) != count:
        raise Unusable(Reason.VOCABULARY_MISSING, f"{FILENAME} has {len(merges):,} merges, the model {count:,}.")
    return Vocabulary(merges)


def _places(weights: Path) -> list[Path]:
    package = find_spec("open_clip")  # found without being imported, which would load torch's vision library
    folders = [weights.parent, *(Path(place) for place in (package and package.submodule_search_locations) or ())]
    return [folder / FILENAME for folder in folders]


def _pieces(text: str) -> list[str]:
    clean = html.unescape(html.unescape(unicodedata.normalize("NFC", text).translate(_QUOTES).translate(_LIGATURES)))
    return _pattern().findall(" ".join(clean.split()).lower())


@cache
def _pattern() -> re.Pattern[str]:
    """Endings of English words, letters, single numbers, and what is neither; as OpenAI's, which needs ``regex``."""
    numbers = "".join(char for char in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(char)[0] == "N")
    letter, number = f"[^\\W_{numbers}]", f"[{numbers}]"
    return re.compile(f"'s|'t|'re|'ve|'m|'ll|'d|{letter}+|{number}|(?:[^\\s\\w]|_)+")


@cache
def _letters() -> dict[int, str]:
    """A printable letter for each byte, in the order of the vocabulary: itself, or one from 256 on."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(_BYTES) if byte not in shown]
    return {byte: chr(byte) for byte in shown} | {byte: chr(_BYTES + at) for at, byte in enumerate(hidden)}
