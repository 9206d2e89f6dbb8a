"""A job's progress as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from sse_starlette import ServerSentEvent

from seal_sdk.serving.changes import Changes
from seal_sdk.serving.http.job_answers import job_answer
from seal_sdk.serving.http.tickets import Ticket
from seal_sdk.serving.job import JobState

if TYPE_CHECKING:
    from seal_sdk.serving.engine import Engine


async def job_events(engine: Engine, ticket: Ticket) -> AsyncIterator[ServerSentEvent]:
    """The job as it is now, and after each change, until it ends. An event's id says how far it is.

    Who comes again sees the present state first, whatever he saw last: nothing that matters is missed.
    """
    with Changes(ticket.job) as changes:
        while True:
            answer = job_answer(engine, ticket)
            yield ServerSentEvent(
                answer.model_dump_json(),
                event=answer.state,
                id=f"{answer.state}-{answer.progress.step}",
                sep="\n",
            )
            if JobState(answer.state).is_final:
                return
            await changes.next()
