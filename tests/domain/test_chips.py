"""Reasons in words: every key that a ranker can give has its own."""

from __future__ import annotations

import pytest

from kilo_gql.domain import chips, rankers
from ml.ranking import personal
from ml.ranking.features import FEATURES, NAMES

KEYS = [key for feature in FEATURES for key in (feature.more, feature.less)]


def said(text: str, *, best: bool = False, personal: bool = False) -> str:
    return chips.words({"text": text, "best": best, "personal": personal})


@pytest.mark.parametrize("text", KEYS)
def test_every_key_has_words(text: str) -> None:
    forms = [said(text, best=True), said(text), said(text, personal=True)]
    assert all(form[0].isupper() and not form.endswith(".") for form in forms)
    if not text.startswith("look_"):
        assert len(set(forms)) == 3
        assert forms[2].startswith("Your usual ")


def test_no_two_keys_share_their_words() -> None:
    keys = [key for key in KEYS if not key.startswith("look_")]
    for best, personal_ in ((True, False), (False, False), (False, True)):
        assert len({said(key, best=best, personal=personal_) for key in keys}) == len(keys)


@pytest.mark.parametrize("name", NAMES)
def test_every_feature_has_a_leaning(name: str) -> None:
    assert chips.leaning(name, more=True) != chips.leaning(name, more=False)


def test_in_words() -> None:
    assert said("sharpness.more", best=True) == "Sharpest frame"
    assert said("highlight_clip.less") == "Less highlight clipping"
    assert said("brightness.more", best=True, personal=True) == "Your usual brighter pick"
    assert chips.leaning("brightness", more=True) == "You prefer brighter"


def test_the_picks_that_are_needed_are_those_of_the_ranker() -> None:
    assert rankers.NEEDED == personal.ENOUGH
