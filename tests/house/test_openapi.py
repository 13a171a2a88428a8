"""The served document is valid OpenAPI, and keeps the contract's word where it has one."""

from __future__ import annotations

from openapi_spec_validator import OpenAPIV30SpecValidator

from kilo_gql.rest import openapi, reference
from kilo_gql.rest.routes import ROUTES

#: Documented by the contract, built by a later release.
LATER = {"Edits", "Search"}


def test_it_is_valid() -> None:
    OpenAPIV30SpecValidator(openapi.document(ROUTES)).validate()


def test_every_operation_of_the_contract_is_served_or_named_as_later() -> None:
    served = openapi.document(ROUTES)["paths"]
    missing = {
        (method, path, operation["tags"][0])
        for path, methods in openapi.contract()["paths"].items()
        for method, operation in methods.items()
        if method not in served.get(path, {})
    }
    assert {tag for _, _, tag in missing} == LATER


def test_the_reference_page_names_every_path_and_loads_nothing() -> None:
    document = openapi.document(ROUTES)
    page = reference.page(document)
    assert [path for path in document["paths"] if f"<code>{path}</code>" not in page] == []
    assert "<script" not in page
    assert "http://" not in page.replace("http://127.0.0.1", "")
