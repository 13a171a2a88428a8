"""The reference page: the OpenAPI document as one HTML page that needs no script and no network."""

from __future__ import annotations

import json
from html import escape
from typing import Any, Final

_STYLE: Final = """
:root{color-scheme:dark;--bg:#0e0f11;--card:#17191d;--line:#262a31;--text:#e8eaed;--dim:#9aa3af;--accent:#7cc4ff}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.55 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:2rem 1rem}h1{font-size:1.7rem}h2{margin-top:2.5rem}
details{background:var(--card);border:1px solid var(--line);border-radius:10px;margin:.5rem 0;padding:.6rem .9rem}
summary{cursor:pointer;display:flex;gap:.8rem;align-items:baseline;flex-wrap:wrap}
code{font:13px ui-monospace,monospace;color:var(--accent)}b{min-width:4rem;font:700 12px ui-monospace,monospace}
small,td{color:var(--dim)}pre{overflow:auto;background:var(--bg);border-radius:8px;padding:.8rem;font-size:12.5px}
table{border-collapse:collapse;width:100%}td{border-top:1px solid var(--line);padding:.3rem .5rem .3rem 0}
"""


def page(document: dict[str, Any]) -> str:
    """The whole page."""
    sections = "".join(_section(tag["name"], document) for tag in document["tags"])
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style><main><h1>{title}</h1>'
        f"<p>{escape(document['info']['description'])}</p>"
        '<p><a href="/v1/openapi.json"><code>openapi.json</code></a></p>'
        f"{sections}</main></html>"
    )


def _section(tag: str, document: dict[str, Any]) -> str:
    operations = [
        _operation(method, path, operation, document)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["tags"][0] == tag
    ]
    return f"<section><h2>{escape(tag)}</h2>{''.join(operations)}</section>"


def _operation(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    parameters = "".join(_parameter(_resolve(p, document)) for p in operation.get("parameters", []))
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    answers = "".join(
        f"<tr><td>{status}</td><td>{escape(answer.get('description', answer.get('$ref', '')))}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> "
        f"<small>{escape(operation['summary'])}</small></summary>"
        f"<p><small>Permission: {escape(operation.get('x-kilo-permission', 'event.read'))}</small></p>"
        f"{f'<table>{parameters}</table>' if parameters else ''}"
        f"{f'<pre>{escape(json.dumps(_resolve(body, document), indent=2))}</pre>' if body else ''}"
        f"<table>{answers}</table></details>"
    )


def _parameter(parameter: dict[str, Any]) -> str:
    schema = parameter["schema"]
    kind = schema.get("format") or schema.get("type") or "one of the listed values"
    need = "required" if parameter.get("required") else "optional"
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{parameter['in']}</td>"
        f"<td>{escape(str(kind))}</td><td>{need}</td></tr>"
    )


def _resolve(item: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in item:
        return item
    found: Any = document
    for part in item["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)
