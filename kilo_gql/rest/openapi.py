"""The served OpenAPI document: the contract for what it documents, the route table for what goes beyond it."""

from __future__ import annotations

import re
from copy import deepcopy
from functools import cache
from importlib.resources import files
from typing import Any, Final, cast

import msgspec
import yaml

from kilo_gql import __version__
from kilo_gql.access import Perm
from kilo_gql.rest.bodies import Body
from kilo_gql.rest.machinery import RestRoute
from kilo_gql.rest.views import CountView, ListView, NoView, PageView, View

PREFIX: Final = "/v1"
_REF: Final = "#/components/schemas/{model}"
_REF_PARAMETER: Final = "#/components/parameters/{name}"
#: What stands beside a reference that may be null: ``nullable`` says nothing about what is referred to.
_NULL: Final[dict[str, Any]] = {"type": "object", "nullable": True, "enum": [None]}
#: Refusals any operation may answer with; the contract lists some of them for some operations.
_REFUSALS: Final = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Visible, but not allowed",
    404: "Not found, or not visible",
    409: "Conflict with the present state, or with an earlier use of the idempotency key",
    410: "It was here and will not come back",
    413: "Too large",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}


@cache
def contract() -> dict[str, Any]:
    """The contract as its user wrote it."""
    text = files("schema").joinpath("openapi/kilo-v1.openapi.yaml").read_text()
    return cast("dict[str, Any]", yaml.safe_load(text))


def document(routes: list[RestRoute], base_url: str = "") -> dict[str, Any]:
    """The OpenAPI 3.0 document of what this server does; documented but unbuilt paths are left out."""
    source = deepcopy(contract())
    made: dict[str, Any] = {**source, "servers": [{"url": f"{base_url}{PREFIX}"}], "paths": {}}
    made["info"]["version"] = __version__
    schemas: dict[str, Any] = made["components"]["schemas"]
    error = schemas["Error"]["properties"]
    error["remediation"] = {"type": "array", "items": {"type": "string"}, "description": "What to do next."}
    for route in routes:
        written = source["paths"].get(route.path, {}).get(route.method.lower())
        operation = written or _operation(route, schemas)
        operation["operationId"] = route.operation.name
        operation["x-kilo-permission"] = route.operation.perm.value
        _document_query(route, operation, made["components"])
        _document_refusals(operation)
        made["paths"].setdefault(route.path, {})[route.method.lower()] = operation
    made["paths"]["/realtime"] = source["paths"]["/realtime"]
    _document_refusals(made["paths"]["/realtime"]["get"])
    tags = {operation["tags"][0] for path in made["paths"].values() for operation in path.values()}
    known = [tag["name"] for tag in source["tags"]]
    made["tags"] = [{"name": name} for name in (*(n for n in known if n in tags), *sorted(tags.difference(known)))]
    return made


def _document_query(route: RestRoute, operation: dict[str, Any], components: dict[str, Any]) -> None:
    """What may stand behind the ``?`` beyond what the contract names."""
    if route.query is None:
        return
    listed = operation.setdefault("parameters", [])
    shared = {_REF_PARAMETER.format(name=name): made for name, made in components["parameters"].items()}
    known = {shared.get(parameter.get("$ref"), parameter)["name"] for parameter in listed}
    fields = _schema(route.query, components["schemas"])["properties"]
    listed += [{"name": n, "in": "query", "schema": field} for n, field in fields.items() if n not in known]


def _document_refusals(operation: dict[str, Any]) -> None:
    for status, text in _REFUSALS.items():
        operation["responses"].setdefault(str(status), _answer(text, {"$ref": _REF.format(model="Error")}))


def _operation(route: RestRoute, schemas: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"tags": [route.tag], "summary": route.operation.doc, "parameters": []}
    if route.operation.perm is Perm.PUBLIC:
        made["security"] = []
    for name in route.path_parameters:
        made["parameters"].append(_path_parameter(name))
    if route.operation.retention is not None:
        made["parameters"].append({"$ref": "#/components/parameters/IdempotencyKey"})
    if route.body is not None:
        name = _register(route.body, schemas, re.sub("Body$", "Request", route.body.__name__))
        made["requestBody"] = {"required": True, "content": _json({"$ref": _REF.format(model=name)})}
    if (media_type := getattr(route.view, "media_type", None)) is not None:
        file = {media_type: {"schema": {"type": "string", "format": "binary"}}}
        made["responses"] = {str(route.status): {"description": "A file", "content": file}}
    else:
        made["responses"] = {str(route.status): _answer("Done", _view(route.view, schemas))}
    for also in getattr(route.view, "also", ()):
        made["responses"][str(route.status)]["content"][also] = {"schema": {"type": "string", "format": "binary"}}
    if route.conditional:
        made["responses"]["304"] = {"description": "The caller has it already"}
    return made


def _view(view: Any, schemas: dict[str, Any]) -> dict[str, Any] | None:
    if view is NoView:
        return None
    if view is CountView:
        return {"type": "object", "required": ["count"], "properties": {"count": {"type": "integer"}}}
    if isinstance(view, PageView | ListView):
        item = {"$ref": _REF.format(model=_register(view.item, schemas))}
        made: dict[str, Any] = {"items": {"type": "array", "items": item}}
        if isinstance(view, PageView):
            made["pageInfo"] = {"$ref": _REF.format(model="PageInfo")}
        return {"type": "object", "required": list(made), "properties": made}
    return {"$ref": _REF.format(model=_register(view, schemas))}


def _register(model: type[Body] | type[View], schemas: dict[str, Any], name: str | None = None) -> str:
    name = name or model.__name__.removesuffix("View")
    if name not in schemas:
        schemas[name] = _schema(model, schemas)
    return name


def _schema(model: type[Body] | type[View], schemas: dict[str, Any]) -> dict[str, Any]:
    if issubclass(model, View):
        _, parts = msgspec.json.schema_components([model], ref_template=_REF.replace("{model}", "{name}"))
        made = parts.pop(model.__name__)
    else:
        made = model.model_json_schema(by_alias=True, ref_template=_REF)
        parts = made.pop("$defs", {})
    for name, inner in parts.items():
        schemas.setdefault(name, _openapi30(inner))
    return cast("dict[str, Any]", _openapi30(made))


def _openapi30(schema: Any) -> Any:
    """JSON Schema 2020 as pydantic writes it, in the words of OpenAPI 3.0: null is ``nullable``."""
    if isinstance(schema, list):
        return [_openapi30(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _openapi30(value) for key, value in schema.items() if key not in ("title", "default")}
    options = made.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        rest = [option for option in options if option != {"type": "null"}]
        del made["anyOf"]
        if "$ref" in rest[0]:
            return {**made, "anyOf": [*rest, _NULL]}
        made.update(rest[0] if len(rest) == 1 else {"anyOf": rest}, nullable=True)
    return made


def _answer(text: str, schema: dict[str, Any] | None) -> dict[str, Any]:
    return {"description": text, **({"content": _json(schema)} if schema is not None else {})}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _path_parameter(name: str) -> dict[str, Any]:
    """The id of a thing, or what stands in a gallery's address."""
    if name == "shareSlug":
        return {"$ref": _REF_PARAMETER.format(name="ShareSlug")}
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
