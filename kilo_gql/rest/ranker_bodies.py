"""What REST requests about one's own ranker, consents and model cards carry."""

from __future__ import annotations

from kilo_gql.models import ConsentPurpose
from kilo_gql.rest.bodies import Body


class RankerBody(Body):
    enabled: bool


class ConsentBody(Body):
    purpose: ConsentPurpose
    granted: bool


class ModelCardQuery(Body):
    name: str
