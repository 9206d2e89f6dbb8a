"""How often a client may ask for something that costs: a bucket of tokens for each, filled evenly."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from cachetools import LRUCache
from starlette.types import ASGIApp, Receive, Scope, Send

from seal_sdk.serving.http.problems import Problem

MOST_CLIENTS = 10_000
BURST_SECONDS = 10  # of requests may come at once


class RateLimit:
    """ASGI middleware: POSTs of one client, so many per minute. Those beyond are told when to come again."""

    def __init__(self, app: ASGIApp, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.app, self._clock = app, clock
        self._per_second = per_minute / 60
        self._burst = max(1.0, self._per_second * BURST_SECONDS)
        self._buckets: LRUCache[str, tuple[float, float]] = LRUCache(MOST_CLIENTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            wait = self.wait(scope["state"].get("client", ""))
            if wait:
                await _too_many(math.ceil(wait)).response(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def wait(self, client: str) -> float:
        """Seconds until this client may ask; 0 where it may now, which counts."""
        now = self._clock()
        left, seen = self._buckets.get(client, (self._burst, now))
        left = min(self._burst, left + (now - seen) * self._per_second)
        allowed = left >= 1
        self._buckets[client] = (left - allowed, now)
        return 0.0 if allowed else (1 - left) / self._per_second


def _too_many(seconds: int) -> Problem:
    detail = f"Too many requests of this client: come again in {seconds} s."
    return Problem(429, "rate_limited", detail, headers={"Retry-After": str(seconds)})
