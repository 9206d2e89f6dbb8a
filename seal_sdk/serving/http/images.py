"""Drawing: ``POST /v1/images/generations`` and ``POST /v1/images/edits``, as OpenAI has them."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from sse_starlette import EventSourceResponse
from starlette.requests import Request

from seal_sdk.errors import InputError
from seal_sdk.serving.http.answers import ImagesAnswer, JobAnswer, images_answer
from seal_sdk.serving.http.bodies import Files, described, files_of, fingerprint, from_form, from_json, read_json
from seal_sdk.serving.http.forms import read_form
from seal_sdk.serving.http.image_events import ImageStream
from seal_sdk.serving.http.orders import Key, Order, TheService, Wait, answer, place
from seal_sdk.serving.http.problems import documented
from seal_sdk.serving.http.requests import EditRequest, GenerationRequest, ImageRequest
from seal_sdk.serving.http.service import Service

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ImagesAnswer,
        "description": "The images, or with stream=true their events.",
        "content": {"text/event-stream": {"schema": {"type": "object"}}},
    },
    202: {"model": JobAnswer, "description": "The job, with wait=false."},
    **documented(400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 502, 503, 504),
}

router = APIRouter(prefix="/v1/images", tags=["images"])


@router.post(
    "/generations",
    responses=ANSWERS,
    openapi_extra=described("application/json", "GenerationRequest"),
    response_class=Response,
    summary="Draw images of a prompt, with or without an identity",
)
async def create(request: Request, service: TheService, wait: Wait = True, key: Key = None) -> Response:
    """OpenAI's fields, and the SDK's beside them (with OpenAI's clients: ``extra_body``)."""
    body = await read_json(request)
    asked = await service.in_thread(from_json, GenerationRequest, body)
    return await _draw(service, request, asked, {}, wait, key)


@router.post(
    "/edits",
    responses=ANSWERS,
    openapi_extra=described("multipart/form-data", "EditForm"),
    response_class=Response,
    summary="Draw into a picture",
)
async def edit(request: Request, service: TheService, wait: Wait = True, key: Key = None) -> Response:
    """What is transparent in ``mask`` is painted anew; without a mask all of the picture is, by ``strength``."""
    form = await read_form(request, service.limits.request_bytes)
    files = files_of(form, "image", "mask", "structure", "structure_mask")
    asked = await service.in_thread(from_form, EditRequest, form)
    return await _draw(service, request, asked, files, wait, key)


async def _draw(
    service: Service, request: Request, asked: ImageRequest, files: Files, wait: bool, key: str | None
) -> Response:
    if asked.stream and not wait:
        raise InputError("stream=true and wait=false exclude each other: GET /v1/jobs/{id}/events tells of a job.")
    ticket = await place(service, request, await service.in_thread(_order, service, asked, files, wait, key))
    if asked.stream:
        events = ImageStream(service, ticket, asked).events()
        return EventSourceResponse(events, sep="\n", headers={"X-Seal-Job": ticket.job.id})
    return await answer(service, request, ticket, wait=wait)


def _order(service: Service, asked: ImageRequest, files: Files, wait: bool, key: str | None) -> Order:
    return Order(
        kind="edit" if isinstance(asked, EditRequest) else "generation",
        fingerprint=fingerprint(asked, files),
        make=lambda: service.drawings.make(asked, files),
        answer=partial(images_answer, kind=asked.output_format or "png", quality=asked.output_compression),
        deadline=asked.deadline,
        previews=bool(asked.stream and asked.partial_images),
        key=key,
        detached=not wait,
    )
