"""The ASGI app: who may come in, what they may ask, and how errors are answered."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from seal_sdk.errors import SealError
from seal_sdk.serving.http import health, identities, images, jobs
from seal_sdk.serving.http.access_log import AccessLog
from seal_sdk.serving.http.auth import Authentication
from seal_sdk.serving.http.bodies import check_parameters
from seal_sdk.serving.http.body_limit import BodyLimit
from seal_sdk.serving.http.openapi import describe
from seal_sdk.serving.http.origins import LocalOnly
from seal_sdk.serving.http.problems import invalid_request, problem_of
from seal_sdk.serving.http.rates import RateLimit
from seal_sdk.serving.http.service import Service
from store import StoreError

ABOUT = "Keep a subject's identity across images: OpenAI's images API, with identities. Errors are RFC 9457 problem details."


def make_app(service: Service) -> FastAPI:
    """The app of a service."""
    settings = service.settings
    app = FastAPI(
        title="SeAl",
        version=version("seal-sdk"),
        description=ABOUT,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.service = service
    for router in (images.router, identities.router, jobs.router, health.router):
        app.include_router(router, dependencies=[Depends(check_parameters)])
    for kind in (SealError, StoreError, HTTPException):
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.openapi = lambda: describe(app, secured=bool(settings.tokens))  # type: ignore[method-assign]  # FastAPI's own way
    app.add_middleware(BodyLimit, most=settings.limits.request_bytes)  # the last one here is asked first
    app.add_middleware(RateLimit, per_minute=settings.limits.requests_per_minute)
    app.add_middleware(Authentication, tokens=settings.tokens)
    if not settings.tokens:
        app.add_middleware(LocalOnly)
    app.add_middleware(AccessLog, log_errors=settings.log_prompts)
    return app


async def _answer(_request: Request, error: Exception) -> JSONResponse:
    return problem_of(error).response


async def _answer_invalid(_request: Request, error: Any) -> JSONResponse:
    return invalid_request(error.errors()).response
