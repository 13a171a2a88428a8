"""What visitors type is cleaned, and otherwise kept as it is."""

from __future__ import annotations

import random
import sys
import unicodedata

import pytest

from kilo_gql.domain.guest_words import NAME_MAX, TEXT_MAX, cleaned_message, cleaned_name, cleaned_text
from kilo_gql.errors import BadRequest

#: What reorders text: Unicode UAX #9.
REORDERING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Ada", "Ada"),
        ("  Ada   Lovelace\t", "Ada Lovelace"),
        ("Ada\nLovelace\r\n", "Ada Lovelace"),
        ("Ada\u2028Bcc: all", "Ada Bcc: all"),
        ("\u202eadA\u2066", "adA"),
        ("Zoe\u0301", "Zo\u00e9"),
        ("\u0000\u0007Ada\u001b[31m", "Ada[31m"),
        ("<b>Ada</b>", "<b>Ada</b>"),
        ("=HYPERLINK(1)", "=HYPERLINK(1)"),
        ("\u05d0\u05d3\u05d4", "\u05d0\u05d3\u05d4"),  # right to left by itself, as it should be
        ("\U0001f469\u200d\U0001f467", "\U0001f469\u200d\U0001f467"),  # a joiner holds an emoji together
        ("x" * NAME_MAX, "x" * NAME_MAX),
    ],
)
def test_names_are_on_one_line(typed: str, name: str) -> None:
    assert cleaned_name(typed) == name


@pytest.mark.parametrize("typed", ["", "   ", "\u0000", REORDERING, "\ud83d", "x" * (NAME_MAX + 1)])
def test_a_name_that_is_none(typed: str) -> None:
    with pytest.raises(BadRequest) as refused:
        cleaned_name(typed)
    assert refused.value.details == {"field": "name", "max": NAME_MAX}


def test_texts_keep_their_lines() -> None:
    assert cleaned_text(" One\r\ntwo\rthree\u2028four\n\n  five ") == "One\ntwo\nthree\nfour\n\n  five"


@pytest.mark.parametrize("typed", ["", " \n ", "x" * (TEXT_MAX + 1)])
def test_a_text_that_is_none(typed: str) -> None:
    with pytest.raises(BadRequest):
        cleaned_text(typed)


def test_a_message_may_be_left_out() -> None:
    assert [cleaned_message(None), cleaned_message(" \n\u202e"), cleaned_message(" Hi ")] == [None, None, "Hi"]


def test_whatever_is_typed_is_safe_or_refused() -> None:
    seed = random.SystemRandom().randrange(2**32)
    sys.stdout.write(f"seed {seed}\n")
    chance = random.Random(seed)
    alphabet = [*map(chr, range(256)), *REORDERING, "\ufeff", "\u2028", "\u2029", "\u0301", "\ud800", "\U0001f469"]
    for _ in range(2_000):
        typed = "".join(chance.choices(alphabet, k=chance.randrange(1, 60)))
        try:
            name, text = cleaned_name(typed), cleaned_text(typed)
        except BadRequest:
            continue
        for kept, allowed in ((name, ""), (text, "\n")):
            assert unicodedata.is_normalized("NFC", kept)
            assert not any(char in REORDERING for char in kept)
            assert {unicodedata.category(char) for char in kept if char not in allowed}.isdisjoint({"Cc", "Cs", "Zl"})
            assert cleaned_text(kept) == kept
        assert cleaned_name(name) == name
