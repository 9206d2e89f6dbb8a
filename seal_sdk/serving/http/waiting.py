"""Waiting for jobs without a thread for each, and no longer than somebody wants the result."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect, Request

from seal_sdk.serving.http.tickets import Ticket

if TYPE_CHECKING:
    from seal_sdk.serving.engine import Engine


async def result_of(request: Request, engine: Engine, ticket: Ticket) -> Any:
    """What came of a job.

    Where the client goes, the job is cancelled (unless others wait for it), and ClientDisconnect is raised. Raises what it failed with.
    """
    done = asyncio.wrap_future(ticket.job.future)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        with ticket.awaited(engine):
            await asyncio.wait({done, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not done.done():
                raise ClientDisconnect
            return done.result()
    finally:
        gone.cancel()
        done.cancel()
        with suppress(asyncio.CancelledError):
            await gone


async def _disconnected(request: Request) -> None:
    """Returns once the client is gone. Its request has to have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
