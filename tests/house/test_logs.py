"""Secrets print as stars, whatever they are called and wherever they hide."""

from __future__ import annotations

import pytest

from kilo_gql.logs import mask


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ({"token": "abc"}, {"token": "***"}),
        ({"Authorization": "Bearer abc"}, {"Authorization": "***"}),
        ({"password": "x", "user": "ada"}, {"password": "***", "user": "ada"}),
        ({"deep": [{"refresh_token": "x"}]}, {"deep": [{"refresh_token": "***"}]}),
        ("kpat_0123456789abcdef was refused", "kpat_*** was refused"),
        ("got Bearer eyJhbGciOi.eyJzdWIi.c2ln here", "got Bearer *** here"),
        ("postgresql://kilo:hunter2@db/kilo", "postgresql://kilo:***@db/kilo"),
        ("GET /sign-in?challenge=1&code=ABCD1234EFGH", "GET /sign-in?challenge=1&code=***"),
        ({"error_code": "timeout", "status_code": 500}, {"error_code": "timeout", "status_code": 500}),
        ({"login_code": "1234-5678"}, {"login_code": "***"}),
    ],
    ids=str,
)
def test_masking(said: object, printed: object) -> None:
    assert mask(said) == printed
