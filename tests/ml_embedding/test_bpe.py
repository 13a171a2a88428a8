from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ml.embedding import bpe
from ml.embedding.bpe import FILENAME, Vocabulary
from ml.embedding.space import Reason, Unusable

MERGES = [("t", "h"), ("th", "e</w>"), ("c", "a"), ("ca", "t</w>"), ("x", "y"), ("a", "t</w>"), ("'", "s</w>")]
FIRST = 512
START, END = FIRST + len(MERGES), FIRST + len(MERGES) + 1
#: The vocabulary begins with the printable bytes from "!" on; from 256 on they end a word.
A, E, H, T = (ord(letter) - ord("!") for letter in "aeht")


def _tokens(text: str, length: int = 12) -> list[int]:
    return Vocabulary(MERGES).encode(text, length)


def test_merges_are_made_in_their_order() -> None:
    assert _tokens("the cat") == [START, FIRST + 1, FIRST + 3, END] + [0] * 8
    assert _tokens("at") == [START, FIRST + 5, END] + [0] * 9
    assert _tokens("thee") == [START, FIRST, E, 256 + E, END] + [0] * 7
    assert _tokens("tht") == [START, FIRST, 256 + T, END] + [0] * 8


@pytest.mark.parametrize("text", ["THE  cat", " the\tcat\n", "the&#32;cat", "the &amp;#99;at"])
def test_what_is_cleaned_before(text: str) -> None:
    assert _tokens(text) == _tokens("the cat")


def test_pieces_are_letters_numbers_and_the_rest() -> None:
    assert bpe._pieces("It’s 24–70mm, f/2.8 ½!! e\u0301tude ﬁlm __a_b 日本 😀") == [
        "it", "'s", "2", "4", "–", "7", "0", "mm", ",", "f", "/", "2", ".", "8", "½", "!!", "étude", "film", "__",
        "a", "_", "b", "日本", "😀",
    ]  # fmt: skip


def test_bytes_of_any_text_have_tokens() -> None:
    found = _tokens("é\x00\xad")
    assert (found[0], found[6]) == (START, END)
    assert all(0 <= number < FIRST for number in found[1:6])


def test_long_text_is_cut_and_still_ends() -> None:
    found = _tokens("a " * 50, 8)
    assert found == [START, *[256 + A] * 6, END]
    assert _tokens("", 4) == [START, END, 0, 0]


def _file(folder: Path, merges: int) -> Path:
    lines = ['"version"', *(" ".join(pair) for pair in MERGES[:merges]), ""]
    (folder / FILENAME).write_bytes(gzip.compress("\n".join(lines).encode()))
    return folder / "weights.safetensors"


def test_the_file_beside_the_weights_is_read(tmp_path: Path) -> None:
    found = bpe.load(_file(tmp_path, 7), 7 + 514)
    assert found.size == END + 1
    assert found.encode("the cat", 5) == _tokens("the cat", 5)


def test_a_model_may_use_the_first_merges_only(tmp_path: Path) -> None:
    assert bpe.load(_file(tmp_path, 7), 2 + 514).encode("the", 4) == [514, 513, 515, 0]


def test_too_few_merges_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="has 7 merges, the model 8") as refused:
        bpe.load(_file(tmp_path, 7), 8 + 514)
    assert refused.value.code is Reason.VOCABULARY_MISSING


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    for content in (b"no gzip", gzip.compress(b"\xff\xff\n\xff"), gzip.compress(b"version\none two three\n")):
        (tmp_path / FILENAME).write_bytes(content)
        with pytest.raises(Unusable) as refused:
            bpe.load(weights, 1 + 514)
        assert refused.value.code is Reason.VOCABULARY_MISSING
