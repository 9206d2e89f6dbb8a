"""A job as it is answered, with its result or without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seal_sdk.serving.http.answers import JobAnswer, Progress
from seal_sdk.serving.http.problems import problem_of
from seal_sdk.serving.http.tickets import Ticket

if TYPE_CHECKING:
    from seal_sdk.serving.engine import Engine

MOMENT = 5.0  # seconds within which a job that has ended has its result


def job_answer(engine: Engine, ticket: Ticket, *, with_result: bool = False) -> JobAnswer:
    """How far a job is. with_result: and what came of it, which takes a while where images are encoded."""
    job = ticket.job
    state, progress = job.state, job.progress  # each read once: they change meanwhile
    error = job.future.exception(MOMENT) if state.is_final else None
    finished = with_result and state.is_final and error is None
    return JobAnswer(
        id=job.id,
        kind=ticket.terms.kind,
        state=state.value,
        created=ticket.terms.created,
        position=engine.position(job),
        progress=Progress(step=progress.step, steps=progress.steps),
        result=ticket.answer(job.future.result()) if finished else None,
        error=None if error is None else problem_of(error).details,
    )
