"""A job's changes, for a coroutine."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from seal_sdk.serving.job import Job


class Changes:
    """Wakes a coroutine when something of a job changes; several changes may be one."""

    def __init__(self, job: Job) -> None:
        self._loop, self._changed = asyncio.get_running_loop(), asyncio.Event()
        self._forget = job.listen(self._wake)

    async def next(self) -> None:
        """Wait for the next change."""
        await self._changed.wait()
        self._changed.clear()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._changed.set)

    def __enter__(self) -> Changes:
        return self

    def __exit__(self, *exc: Any) -> None:
        self._forget()
