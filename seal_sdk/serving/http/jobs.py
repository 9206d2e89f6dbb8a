"""Jobs: how far they are, what came of them, and calling them off. A client knows only its own."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path
from fastapi.responses import Response
from sse_starlette import EventSourceResponse

from seal_sdk.serving.http.answers import JobAnswer
from seal_sdk.serving.http.job_answers import job_answer
from seal_sdk.serving.http.job_events import job_events
from seal_sdk.serving.http.orders import JSON, TheClient, TheService
from seal_sdk.serving.http.problems import documented
from seal_sdk.serving.http.service import Service
from seal_sdk.serving.http.tickets import Ticket

HEARTBEAT = 15  # seconds between comments that keep the connection open

JobId = Annotated[str, Path(examples=["Zk3n5f0yXk0s2Q7nJ1l5Ww"])]

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.get(
    "/{id}",
    responses={200: {"model": JobAnswer}, **documented(401, 403, 404, 422, 500, 503)},
    response_class=Response,
    summary="A job, and its result once it is done",
)
async def get(id: JobId, service: TheService, client: TheClient) -> Response:
    """Finished jobs are kept for a while, and forgotten before that where many large images have followed them."""
    ticket = _ticket(service, id, client)
    encoded = await service.in_thread(
        lambda: job_answer(service.engine, ticket, with_result=True).model_dump_json().encode()
    )
    return Response(encoded, media_type=JSON)


@router.get(
    "/{id}/events",
    responses={
        200: {
            "content": {"text/event-stream": {"schema": {"type": "object"}}},
            "description": "The job at each change.",
        },
        **documented(401, 403, 404, 422, 500, 503),
    },
    response_class=EventSourceResponse,
    summary="A job's progress as server-sent events",
)
async def events(
    id: JobId,
    service: TheService,
    client: TheClient,
    last_event_id: Annotated[str | None, Header(description="Of a browser that comes again.")] = None,
) -> EventSourceResponse:
    """The present state at once, whatever was seen last; then each change, until the job has ended. The result is not in the events."""
    return EventSourceResponse(job_events(service.engine, _ticket(service, id, client)), ping=HEARTBEAT, sep="\n")


@router.delete("/{id}", responses=documented(401, 403, 404, 422, 500, 503), summary="Cancel a job")
async def cancel(id: JobId, service: TheService, client: TheClient) -> JobAnswer:
    """At once where it waits, within a step where it runs. One that is finished stays so."""
    ticket = _ticket(service, id, client)
    service.engine.cancel(ticket.job)
    return job_answer(service.engine, ticket)


def _ticket(service: Service, job_id: str, client: str) -> Ticket:
    return service.tickets.of(service.engine.job(job_id), client)
