"""Who asks: bearer tokens, and the clients that they make."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from seal_sdk.serving.http.problems import Problem

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/docs", "/openapi.json"})


class Authentication:
    """ASGI middleware: lets those with a token in, and notes in ``scope["state"]["client"]`` who they are.

    A client is a digest of its token; without tokens, its address.
    """

    def __init__(self, app: ASGIApp, tokens: Iterable[str]) -> None:
        self.app = app
        self._digests = tuple(map(_digest, tokens))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            client = self._client(scope)
            if client is None:
                await _unauthorized().response(scope, receive, send)
                return
            scope["state"]["client"] = client
        await self.app(scope, receive, send)

    def _client(self, scope: Scope) -> str | None:
        """Who asks; None for somebody without a token of ours."""
        if not self._digests:
            return f"address {scope['client'][0] if scope.get('client') else 'unknown'}"
        kind, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        given = _digest(token.strip())
        known = [secrets.compare_digest(given, each) for each in self._digests]  # all of them: time tells nothing
        return f"token {given[:16]}" if kind.lower() == "bearer" and any(known) else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _unauthorized() -> Problem:
    return Problem(
        401,
        "unauthorized",
        "This service needs a token: send the header 'Authorization: Bearer <token>'.",
        headers={"WWW-Authenticate": "Bearer"},
    )
