"""Identities: registered once, and then drawn by their names."""

from __future__ import annotations

import io
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from PIL import Image
from pydantic import BaseModel
from starlette.requests import Request

from seal_sdk.errors import InputError
from seal_sdk.identity import Identity
from seal_sdk.serving.http.answers import IdentityAnswer, JobAnswer
from seal_sdk.serving.http.bodies import Files, described, files_of, fingerprint, from_form
from seal_sdk.serving.http.forms import read_form
from seal_sdk.serving.http.orders import Key, Order, TheService, Wait, answer, place
from seal_sdk.serving.http.problems import documented
from seal_sdk.serving.http.requests import IdentityRequest
from seal_sdk.serving.http.service import Service
from seal_sdk.serving.job import Job
from seal_sdk.serving.work import Registering
from store import valid_name

Named = Annotated[str, Path(examples=["tiger"])]

router = APIRouter(prefix="/v1/identities", tags=["identities"])


class IdentityPage(BaseModel):
    """Identities by name. has_more: whether there are some after them."""

    object: Literal["list"] = "list"
    data: list[IdentityAnswer]
    has_more: bool


@router.post(
    "",
    status_code=201,
    responses={
        201: {"model": IdentityAnswer, "description": "The identity, which may have been there already."},
        202: {"model": JobAnswer, "description": "The job, with wait=false."},
        **documented(400, 401, 403, 409, 413, 415, 422, 429, 500, 502, 503, 504, 507),
    },
    openapi_extra=described("multipart/form-data", "IdentityForm"),
    response_class=Response,
    summary="Register a reference image under a name",
)
async def register(request: Request, service: TheService, wait: Wait = True, key: Key = None) -> Response:
    """The subject is what ``box`` or ``mask`` says, else the opaque part of a cut-out, else what the segmenter finds.

    A name that is there already stands for the new reference from now on.
    """
    form = await read_form(request, service.limits.request_bytes)
    files = files_of(form, "image", "mask")
    asked = await service.in_thread(from_form, IdentityRequest, form)
    order = Order(
        kind="identity",
        fingerprint=await service.in_thread(fingerprint, asked, files),
        make=partial(_registering, service, asked, files),
        answer=_answered,
        key=key,
        detached=not wait,
    )
    return await answer(service, request, await place(service, request, order), wait=wait, status=201)


@router.get("", responses=documented(401, 403, 422, 500, 503), summary="List identities by name")
async def list_all(
    service: TheService,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[str | None, Query(description="Begin after this name.")] = None,
) -> IdentityPage:
    """Identities of the service's store, which all its clients share."""
    infos = await service.in_thread(service.session.store.identities)
    named = [each for each in infos if each.name and (after is None or each.name > after)]
    return IdentityPage(data=[IdentityAnswer.listed(each) for each in named[:limit]], has_more=len(named) > limit)


@router.get(
    "/{name:path}/thumbnail",
    responses={
        200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}, "description": "A PNG."},
        **documented(401, 403, 404, 422, 500, 503),
    },
    response_class=Response,
    summary="A small picture of an identity's reference",
)
async def thumbnail(name: Named, service: TheService, size: Annotated[int, Query(ge=16, le=1024)] = 256) -> Response:
    """The reference as the model saw it; its longer side has at most ``size`` pixels."""
    return Response(await service.in_thread(_thumbnail, service, name, size), media_type="image/png")


@router.get("/{name:path}", responses=documented(401, 403, 404, 422, 500, 503), summary="One identity")
async def get(name: Named, service: TheService) -> IdentityAnswer:
    """By its name, its digest, or the digest's first 8 digits."""
    return await service.in_thread(_identity, service, name)


@router.delete(
    "/{name:path}",
    status_code=204,
    responses=documented(401, 403, 404, 409, 422, 500, 503),
    response_class=Response,
    summary="Remove a name",
)
async def delete(name: Named, service: TheService) -> Response:
    """For all clients. Its bytes are freed when the store is next cleaned (`seal gc`)."""
    await service.in_thread(service.session.store.remove, name)
    return Response(status_code=204)


def _registering(service: Service, asked: IdentityRequest, files: Files) -> Registering:
    """What the session is asked. Raises InputError, ImageError or InvalidName."""
    image, mask, longest = files["image"], files["mask"], service.limits.prompt_length
    if image is None:
        raise InputError("image: send the reference as a file of this name.")
    if len(asked.prompt) > longest:
        raise InputError(f"prompt: {len(asked.prompt)} characters; this service takes at most {longest}.")
    arguments: dict[str, Any] = {"prompt": asked.prompt, "name": valid_name(asked.name), "box": asked.box}
    arguments["image"] = service.reader.from_bytes(image, "image")
    arguments["mask"] = None if mask is None else service.reader.from_bytes(mask, "mask")
    return Registering({name: value for name, value in arguments.items() if value is not None})


def _answered(_job: Job, created: int, identity: Identity) -> IdentityAnswer:
    return IdentityAnswer.of(identity).model_copy(update={"created": float(created)})


def _identity(service: Service, name: str) -> IdentityAnswer:
    answer = IdentityAnswer.of(service.session.identities[name])
    infos = [each for each in service.session.store.identities() if each.name == name]
    return answer.model_copy(update={"created": infos[0].created, "pinned": infos[0].pinned} if infos else {})


def _thumbnail(service: Service, name: str, size: int) -> bytes:
    picture = service.session.identities[name].image
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
