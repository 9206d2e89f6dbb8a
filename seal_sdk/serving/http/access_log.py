"""What is written of requests: method, path, status, milliseconds and job. Nothing of prompts, images or tokens."""

from __future__ import annotations

import logging
import time
import traceback

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seal_sdk.serving.http.problems import problem_of

logger = logging.getLogger("seal.access")
CLIENT_GONE = 499


class AccessLog:
    """ASGI middleware: a line for each request; and whatever fails unexpectedly becomes an answer here.

    log_errors: whether messages of such errors are written, which may quote a prompt; where they failed always is.
    """

    def __init__(self, app: ASGIApp, log_errors: bool = False) -> None:
        self.app, self._log_errors = app, log_errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0
        state = scope.setdefault("state", {})

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except ClientDisconnect:
            await Response(status_code=CLIENT_GONE)(scope, receive, noted)
        except Exception as error:
            self._tell(error)
            if status:  # it is too late for another answer: the server breaks the connection off
                raise ConnectionError("The answer broke off.") from None
            await problem_of(error).response(scope, receive, noted)
        finally:
            took = (time.perf_counter() - started) * 1000
            logger.info("%s %s %s %.0f ms job=%s", scope["method"], _path(scope), status, took, state.get("job", "-"))

    def _tell(self, error: Exception) -> None:
        told = "".join(traceback.format_tb(error.__traceback__))
        words = f": {error}" if self._log_errors else ""
        logger.error("%s%s\n%s", type(error).__name__, words, told)


def _path(scope: Scope) -> str:
    """As it came: percent-encoded, so that it cannot write lines of its own."""
    raw: bytes = scope.get("raw_path") or b"?"
    return raw.partition(b"?")[0].decode("latin-1")
