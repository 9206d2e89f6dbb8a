"""Errors as the service answers them: RFC 9457's problem details, with OpenAI's ``error`` beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from seal_sdk import errors as seal
from store import errors as store

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 5  # seconds

TABLE: tuple[tuple[type[BaseException], int, str], ...] = (  # the first that fits
    (seal.UnknownIdentity, 404, "unknown_identity"),
    (seal.WrongModel, 409, "wrong_model"),
    (seal.SubjectNotFound, 422, "subject_not_found"),
    (seal.ImageError, 422, "invalid_image"),
    (seal.PromptError, 422, "invalid_prompt"),
    (seal.SizeError, 422, "invalid_size"),
    (seal.InputError, 422, "invalid_input"),
    (seal.ConfigError, 422, "invalid_setting"),
    (seal.QueueFull, 429, "queue_full"),
    (seal.ShuttingDown, 503, "shutting_down"),
    (seal.DeadlineExceeded, 504, "deadline_exceeded"),
    (seal.JobCancelled, 409, "job_cancelled"),
    (seal.NumericalError, 500, "numerical_error"),
    (seal.ModelError, 500, "model_error"),
    (store.UnknownName, 404, "unknown_identity"),
    (store.NameInUse, 409, "name_in_use"),
    (store.NamePinned, 409, "identity_pinned"),
    (store.InvalidName, 422, "invalid_name"),
    (store.StoreFull, 507, "store_full"),
    (store.OverBudget, 507, "store_full"),
    (store.StoreReadOnly, 503, "store_read_only"),
    (store.StoreLocked, 503, "store_locked"),
    (store.RemoteError, 502, "store_unreachable"),
    (store.StoreError, 500, "store_error"),
)
CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "request_too_large",
    422: "invalid_request",
}


class ErrorDetails(BaseModel):
    """What OpenAI's clients read."""

    message: str
    type: str
    code: str
    param: str | None = None


class ProblemDetails(BaseModel):
    """A problem (RFC 9457). ``code`` is for programs, ``detail`` for people; ``error`` says the same as OpenAI does."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "no identity is called 'tigre'; did you mean 'tiger'?",
                    "code": "unknown_identity",
                    "error": {
                        "message": "no identity is called 'tigre'; did you mean 'tiger'?",
                        "type": "invalid_request_error",
                        "code": "unknown_identity",
                        "param": None,
                    },
                }
            ]
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    error: ErrorDetails


class Problem(HTTPException):
    """An error that has its status already. code: for programs. param: the field that it is about."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.code, self.param = code, param

    @property
    def details(self) -> ProblemDetails:
        """As an answer's body."""
        kind = "server_error" if self.status_code >= 500 else "invalid_request_error"
        return ProblemDetails(
            title=_title(self.status_code),
            status=self.status_code,
            detail=self.detail,
            code=self.code,
            error=ErrorDetails(message=self.detail, type=kind, code=self.code, param=self.param),
        )

    @property
    def response(self) -> JSONResponse:
        """The answer."""
        body = self.details.model_dump(mode="json")
        return JSONResponse(body, self.status_code, headers=self.headers, media_type=MEDIA_TYPE)


def problem_of(error: BaseException) -> Problem:
    """What an error is to a client. One that the SDK does not raise on purpose keeps its message to itself."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        code = CODES.get(error.status_code, "error")
        return Problem(error.status_code, code, str(error.detail), headers=error.headers)
    for kind, status, code in TABLE:
        if isinstance(error, kind):
            again = {"Retry-After": str(RETRY_AFTER)} if status in (429, 503) else None
            return Problem(status, code, str(error), headers=again)
    return Problem(500, "internal_error", "Something failed in the service, which has written it to its log.")


def invalid_request(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """The problem of a request that does not fit its schema. errors: pydantic's; the values themselves are left out."""
    told = [f"{_place(each['loc'])}: {each['msg'].removeprefix('Value error, ')}" for each in errors]
    more = f" (and {len(told) - 5} more)" if len(told) > 5 else ""
    return Problem(
        422, "invalid_request", "; ".join(told[:5]) + more, param=_place(errors[0]["loc"]) if errors else None
    )


def _place(location: Sequence[Any]) -> str:
    return ".".join(str(each) for each in location if each not in ("body", "query", "path", "header")) or "body"


def _title(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The part of an operation's OpenAPI description that tells of its problems."""
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    return {status: {"description": _title(status), "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses}
