"""What operations read by themselves: how it is checked, and how it is described."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from seal_sdk.errors import InputError
from seal_sdk.serving.http.forms import Form
from seal_sdk.serving.http.problems import Problem

Files = Mapping[str, bytes | None]
Model = TypeVar("Model", bound=BaseModel)


def check_parameters(request: Request) -> None:
    """Raise InputError for a parameter of the query that an operation does not have."""
    known = [each.alias for each in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in known:
            others = f"; {', '.join(known)} is one" if known else ""
            raise InputError(f"{name[:80]!r}: there is no such parameter{others}.")


async def read_json(request: Request) -> bytes:
    """The body of a request that is JSON. Raises Problem for another kind."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "unsupported_media_type", "Send application/json.")
    return await request.body()


def from_json(model: type[Model], body: bytes) -> Model:
    """What a body of JSON says; numbers are numbers and no texts. Raises RequestValidationError."""
    return _checked(lambda: model.model_validate_json(body, strict=True))


def from_form(model: type[Model], form: Form) -> Model:
    """What a form's fields say, where all is text. Raises RequestValidationError."""
    return _checked(lambda: model.model_validate(form.values))


def files_of(form: Form, *names: str) -> Files:
    """The file of each of these names. Raises InputError for others, and for several of one name."""
    unknown = sorted(set(form.files) - set(names))
    if unknown:
        raise InputError(f"{', '.join(unknown)}: no such file is taken; {', '.join(names)} are.")
    return {name: form.file(name) for name in names}


def fingerprint(asked: BaseModel, files: Files) -> str:
    """A digest of everything that a request asks for."""
    digest = hashlib.sha256(type(asked).__name__.encode() + asked.model_dump_json().encode())
    for name, data in sorted(files.items()):
        digest.update(f"\0{name}\0".encode() + hashlib.sha256(data or b"").digest())
    return digest.hexdigest()


def described(media_type: str, schema: str) -> dict[str, Any]:
    """An operation's OpenAPI description of its body. schema: its name among the components."""
    content = {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"requestBody": {"required": True, "content": content}}


def _checked(validate: Callable[[], Model]) -> Model:
    try:
        return validate()
    except ValidationError as error:
        told = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError(told) from None
