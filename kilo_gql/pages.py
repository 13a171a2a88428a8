"""The few pages the API itself shows to a person: a landing page and the sign-in screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from kilo_gql.errors import KiloError, TooLarge

COOKIE: Final = "kilo_session"
_FORM_BYTES: Final = 4096
_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
}
_STYLE: Final = """
:root{color-scheme:dark}body{margin:0;min-height:100vh;display:grid;place-items:center;background:#0e0f11;
color:#e8eaed;font:16px/1.6 system-ui,sans-serif}main{max-width:28rem;padding:2rem}h1{letter-spacing:.2em}
a{color:#7cc4ff}button{font:inherit;padding:.7rem 1.6rem;border:0;border-radius:10px;background:#7cc4ff;color:#0e0f11}
p{color:#9aa3af}li{margin:.3rem 0}
"""

#: Exchanges a challenge and its code for a session token, or raises a KiloError.
SignIn = Callable[[str, str], Awaitable[str]]
#: Accepts an invitation by its code, or raises a KiloError.
Accept = Callable[[str], Awaitable[None]]


def _page(title: str, body: str, status: int = 200) -> HTMLResponse:
    html = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style><main>{body}</main></html>'
    )
    return HTMLResponse(html, status, headers=_HEADERS)


def landing(email: str | None, *, graphiql: bool) -> Response:
    """What KILO is and where its doors are."""
    who = f"<p>Signed in as {escape(email)}.</p>" if email else "<p>Not signed in.</p>"
    explorer = '<li><a href="/graphql">GraphiQL</a>: explore the GraphQL API</li>' if graphiql else ""
    doors = f'<ul>{explorer}<li><a href="/v1/reference">REST reference</a></li></ul>'
    return _page("KILO", f"<h1>KILO</h1>{who}{doors}")


def confirm(request: Request) -> Response:
    """The page behind a sign-in link. Mail scanners open links, so it is the button that uses the code up."""
    challenge, code = (escape(request.query_params.get(name, "")) for name in ("challenge", "code"))
    return _page(
        "Sign in to KILO",
        f'<h1>KILO</h1><form method="post" action="/sign-in"><input type="hidden" name="challenge" value="{challenge}">'
        f'<input type="hidden" name="code" value="{code}"><button>Sign in</button></form>'
        "<p>The link works once, for ten minutes.</p>",
    )


async def sign_in(request: Request, exchange: SignIn, *, secure: bool) -> Response:
    """Use a code up, set the session cookie, go to the landing page."""
    form = await _form(request)
    try:
        token = await exchange(form.get("challenge", ""), form.get("code", ""))
    except KiloError as error:
        return _refusal("Sign in to KILO", error)
    response = RedirectResponse("/", 303, headers={"cache-control": "no-store"})
    response.set_cookie(COOKIE, token, max_age=30 * 86_400, httponly=True, secure=secure, samesite="lax", path="/")
    return response


def invited(code: str, *, signed_in: bool) -> Response:
    """The page behind the link of an invitation."""
    if not signed_in:
        return _page(
            "Join a project",
            "<h1>KILO</h1><p>You are invited to a project. Sign in with the address the invitation was sent to, "
            "then open this link again.</p>",
        )
    return _page(
        "Join a project",
        f'<h1>KILO</h1><form method="post" action="/join"><input type="hidden" name="code" value="{escape(code)}">'
        "<button>Join the project</button></form>",
    )


async def join(request: Request, accept: Accept) -> Response:
    """Accept an invitation, go to the landing page."""
    form = await _form(request)
    try:
        await accept(form.get("code", ""))
    except KiloError as error:
        return _refusal("Join a project", error)
    return RedirectResponse("/", 303, headers={"cache-control": "no-store"})


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES:
            raise TooLarge("This is none of our forms.")
    return {name: values[0] for name, values in parse_qs(body.decode("ascii", "replace")).items()}


def _refusal(title: str, error: KiloError) -> Response:
    hints = "".join(f"<li>{escape(hint)}</li>" for hint in error.remediation)
    return _page(title, f"<h1>KILO</h1><p>{escape(error.message)}</p><ul>{hints}</ul>", error.status)
