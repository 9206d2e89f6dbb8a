"""The OpenAPI description, with the bodies that operations read by themselves."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from seal_sdk.serving.http.auth import OPEN_PATHS
from seal_sdk.serving.http.problems import ProblemDetails
from seal_sdk.serving.http.requests import EditRequest, GenerationRequest, IdentityRequest

FILE = {"type": "string", "format": "binary"}
BODIES: tuple[type[BaseModel], ...] = (GenerationRequest, EditRequest, IdentityRequest, ProblemDetails)
FORMS = {
    "EditForm": ("EditRequest", {"image": "The picture to draw into.", "mask": "What is transparent is painted anew."}),
    "IdentityForm": (
        "IdentityRequest",
        {"image": "The reference.", "mask": "Its subject: white on black, or a cut-out."},
    ),
}


def describe(app: FastAPI, secured: bool) -> dict[str, Any]:
    """The description of an app, made once. secured: whether it asks for a token."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        _, bodies = models_json_schema(
            [(each, "validation") for each in BODIES], ref_template="#/components/schemas/{model}"
        )
        components.update(bodies["$defs"])
        for name, (fields, files) in FORMS.items():
            components[name] = _form(components[fields], files)
        if secured:
            _secure(schema)
        app.openapi_schema = schema
    return app.openapi_schema


def _form(fields: dict[str, Any], files: dict[str, str]) -> dict[str, Any]:
    """A form's schema: the fields, and files beside them."""
    described = {name: {**FILE, "description": what} for name, what in files.items()}
    required = [*fields.get("required", []), "image"]
    examples = [{"image": "the bytes of a PNG", **each} for each in fields["examples"]]
    return {**fields, "properties": {**described, **fields["properties"]}, "required": required, "examples": examples}


def _secure(schema: dict[str, Any]) -> None:
    schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, operations in schema["paths"].items():
        if path not in OPEN_PATHS:
            for operation in operations.values():
                operation["security"] = [{"token": []}]
