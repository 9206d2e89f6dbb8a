"""The way of each request that makes a job: checked, queued once, and answered at once, as a stream, or when it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Query
from fastapi.responses import Response
from PIL import Image
from starlette.requests import Request

from seal_sdk.serving.http.answers import IdentityAnswer, ImagesAnswer
from seal_sdk.serving.http.job_answers import job_answer
from seal_sdk.serving.http.service import Service
from seal_sdk.serving.http.tickets import Kind, Terms, Ticket
from seal_sdk.serving.http.uploads import held_bytes
from seal_sdk.serving.http.waiting import result_of
from seal_sdk.serving.job import Job
from seal_sdk.serving.work import Drawing, Registering, Work

JSON = "application/json"


def service_of(request: Request) -> Service:
    """The service that an app was made for."""
    service: Service = request.app.state.service
    return service


def client_of(request: Request) -> str:
    """Who asks, as `Authentication` notes it."""
    client: str = request.state.client
    return client


TheService = Annotated[Service, Depends(service_of)]
TheClient = Annotated[str, Depends(client_of)]
Wait = Annotated[bool, Query(description="false answers at once, with the job (202).")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key with the same request is the same job, so that it can be sent again.",
    ),
]


@dataclass(frozen=True)
class Order:
    """A request for a job.

    fingerprint: tells requests apart. make: makes the work of it, which takes a while. answer: makes the answer of a job's result.
    """

    kind: Kind
    fingerprint: str
    make: Callable[[], Work]
    answer: Callable[[Job, int, Any], ImagesAnswer | IdentityAnswer]
    deadline: float | None = None
    previews: bool = False
    key: str | None = None
    detached: bool = False


async def place(service: Service, request: Request, order: Order) -> Ticket:
    """Have it done: its job, which is an earlier one where its Idempotency-Key says so. Raises Problem or what the SDK raises."""
    service.check_open()
    client = client_of(request)
    ticket = service.tickets.repeated(client, order.key, order.fingerprint)
    if ticket is None:
        work = await service.in_thread(order.make)
        # Between this look and the job's being queued nothing else runs, so that a key stands for one job.
        ticket = service.tickets.repeated(client, order.key, order.fingerprint) or _queue(service, request, order, work)
    ticket.terms.detached = ticket.terms.detached or order.detached
    request.state.job = ticket.job.id
    return ticket


def _queue(service: Service, request: Request, order: Order, work: Work) -> Ticket:
    service.check_room(held := request.state.body_bytes + _image_bytes(work))
    deadline = order.deadline or service.limits.deadline
    job = service.engine.submit(work, client=client_of(request), deadline=deadline, previews=order.previews)
    service.hold(job, held)
    terms = Terms(order.kind, order.answer, order.detached, keyed=order.key is not None)
    if isinstance(work, Drawing):
        service.log_prompt(job, work.each["prompt"])
    return service.tickets.add(job, terms, order.key, order.fingerprint)


async def answer(service: Service, request: Request, ticket: Ticket, *, wait: bool, status: int = 200) -> Response:
    """The job's result once it is there, or without waiting the job itself (202). Raises what the job failed with."""
    if not wait:
        body = job_answer(service.engine, ticket).model_dump_json()
        return Response(body, 202, {"Location": f"/v1/jobs/{ticket.job.id}"}, JSON)
    result = await result_of(request, service.engine, ticket)
    encoded = await service.in_thread(lambda: ticket.answer(result).model_dump_json().encode())
    return Response(encoded, status, {"X-Seal-Job": ticket.job.id}, JSON)


def _image_bytes(work: Work) -> int:
    """What a job's images take of memory while they wait."""
    given: list[Any] = []
    if isinstance(work, Drawing):
        given = [*work.each.values(), *work.pictures.values()]
        regions = work.each.get("identity")
        given += [each.place for each in regions.values()] if isinstance(regions, dict) else []
    elif isinstance(work, Registering):
        given = list(work.arguments.values())
    return sum(held_bytes(each) for each in given if isinstance(each, Image.Image))
