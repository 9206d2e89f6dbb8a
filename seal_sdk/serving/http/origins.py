"""Web pages of others must not use a service that needs no token: neither by rebinding a name (DNS), nor by a form (CSRF)."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from seal_sdk.serving.http.problems import Problem
from seal_sdk.serving.http.settings import is_loopback


class LocalOnly:
    """ASGI middleware: answers only requests to a name of this machine, and of browsers only those of the service's own pages."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        problem = _problem(Headers(scope=scope)) if scope["type"] == "http" else None
        await (problem.response if problem else self.app)(scope, receive, send)


def _problem(headers: Headers) -> Problem | None:
    host = headers.get("host", "")
    if not is_loopback(_name(f"//{host}")):
        return Problem(
            403,
            "forbidden_host",
            "Without a token the service answers at names of this machine alone, such as localhost.",
        )
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower()):
        return Problem(403, "forbidden_origin", "Without a token no web page of another origin may use the service.")
    return None


def _name(address: str) -> str:
    """The host's name or address, without its port."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
