"""Whether the service lives and can draw, its metrics, and its model."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from seal_sdk.serving.http.orders import TheService
from seal_sdk.serving.http.problems import documented

router = APIRouter(tags=["service"])


class Health(BaseModel):
    """That the process answers."""

    status: Literal["ok"] = "ok"


class Model(BaseModel):
    """The model that draws."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "seal"


class ModelList(BaseModel):
    """All models, which is one."""

    object: Literal["list"] = "list"
    data: list[Model]


@router.get("/healthz", responses=documented(403, 422, 500), summary="Whether the process lives")
async def healthz() -> Health:
    """Also while the model is loaded, and while the service shuts down."""
    return Health()


@router.get("/readyz", responses=documented(403, 422, 500, 503), summary="Whether the service can draw")
async def readyz(service: TheService) -> Health:
    """503 while the model is loaded, and while the service shuts down."""
    service.check_open()
    return Health()


@router.get(
    "/metrics",
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "In Prometheus' text format."},
        **documented(401, 403, 422, 500),
    },
    response_class=Response,
    summary="Metrics for Prometheus",
)
async def metrics(service: TheService) -> Response:
    """Jobs by outcome, waiting and running; seconds by phase; reads by tier; bytes of K/V."""
    return Response(await service.in_thread(service.metrics.text), media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/models", responses=documented(401, 403, 422, 500), summary="The model that draws")
async def models(service: TheService) -> ModelList:
    """One: a service has one model."""
    return ModelList(data=[Model(id=service.settings.model)])
