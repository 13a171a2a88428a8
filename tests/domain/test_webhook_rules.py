"""What a webhook may be, and what its filters let through, by themselves."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_gql.domain.webhook_pump import SCHEDULE, wait
from kilo_gql.domain.webhook_rules import checked_events, checked_filters, checked_url
from kilo_gql.errors import BadRequest


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://example.org/", "https://example.org/"),
        ("HTTPS://Example.ORG/A?b=C", "https://example.org/A?b=C"),
        ("http://example.org:8080", "http://example.org:8080"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
    ],
)
def test_an_address_is_kept_as_it_is_read(given: str, kept: str) -> None:
    assert checked_url(given) == kept
    assert checked_url(kept) == kept


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), 2**53, 10**199, [1], {}, "\ud800", "a\x00", b"x"]
)
def test_what_cannot_be_kept_and_compared_is_no_value(value: Any) -> None:
    with pytest.raises(BadRequest) as refused:
        checked_filters({"changed.n": value})
    assert refused.value.code == "bad_webhook_filter"


@pytest.mark.parametrize("filters", [None, [], "changed", 3])
def test_filters_are_an_object(filters: Any) -> None:
    with pytest.raises(BadRequest):
        checked_filters(filters)


def test_values_are_kept_as_they_are() -> None:
    filters = {"changed.a": None, "changed.b": True, "changed.c": -1.5, "changed.d": 2**53 - 1, "e": "x"}
    assert checked_filters(filters) == filters


def test_events_are_in_one_order_and_once() -> None:
    assert checked_events(["webhook.updated", "asset.updated", "asset.updated"]) == ["asset.updated", "webhook.updated"]
    assert checked_events([]) == []


def test_the_wait_grows_and_is_never_less_than_planned() -> None:
    waits = [wait(attempt, None) for attempt in range(1, 10)]
    assert waits == sorted(waits)
    assert all(planned <= one <= planned * 1.1 for planned, one in zip(SCHEDULE, waits, strict=True))
