"""How large a request's body may be, counted while it comes."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seal_sdk.serving.http.problems import Problem


class BodyLimit:
    """ASGI middleware: refuses a body of more than ``most`` bytes, at its announcement or at the byte that is too many.

    How many there were is noted in ``scope["state"]["body_bytes"]``.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > self._most:
            await self._too_large().response(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            scope["state"]["body_bytes"] = read
            if read > self._most:
                raise self._too_large()
            return message

        await self.app(scope, counted, send)

    def _too_large(self) -> Problem:
        detail = f"The request is larger than {self._most / 2**20:g} MiB: send smaller images."
        return Problem(413, "request_too_large", detail, headers={"Connection": "close"})
