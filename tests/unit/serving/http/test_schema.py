"""The service keeps to its own description, whatever it is asked."""

import io

import pytest
import schemathesis
from fixtures.http_client import png
from fixtures.service_session import ServiceSession
from hypothesis import HealthCheck, given, settings
from PIL import Image
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from seal_sdk.callbacks import Callback
from seal_sdk.serving.http.app import make_app
from seal_sdk.serving.http.service import Service
from seal_sdk.serving.http.settings import Limits, ServiceSettings

EXAMPLES = 12
TOKEN = {"Authorization": "Bearer sesame"}
EXCLUDED = [
    checks.positive_data_acceptance,  # a schema cannot say which names, images and values of settings there are
    checks.allow_header_conformance,  # Starlette tells the methods of one route, not of all on a path
]
OPERATIONS = [
    "POST /v1/images/generations", "POST /v1/images/edits", "POST /v1/identities", "GET /v1/identities",
    "GET /v1/identities/{name}/thumbnail", "GET /v1/identities/{name}", "DELETE /v1/identities/{name}", "GET /v1/jobs/{id}",
    "GET /v1/jobs/{id}/events", "DELETE /v1/jobs/{id}", "GET /healthz", "GET /readyz", "GET /metrics", "GET /v1/models",
]  # fmt: skip


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    service = Service(ServiceSettings(tokens=("sesame",), limits=Limits(requests_per_minute=1e9)))
    session = ServiceSession(tmp_path_factory.mktemp("service") / "store", steps=1)
    session.register(image=Image.open(io.BytesIO(png())), prompt="a cat", name="cat", callbacks=[Callback()])
    service.open(session)
    with service:
        yield schemathesis.openapi.from_asgi("/openapi.json", make_app(service), headers=TOKEN)


def test_every_operation_is_asked(schema):
    assert sorted(each.ok().label for each in schema.get_all_operations()) == sorted(OPERATIONS)


def test_every_operation_has_an_example(schema):
    raw = schema.raw_schema
    with_body = [each for path in raw["paths"].values() for each in path.values() if "requestBody" in each]
    references = [kind["schema"]["$ref"] for each in with_body for kind in each["requestBody"]["content"].values()]
    assert len(references) == 3
    assert all(raw["components"]["schemas"][each.rpartition("/")[2]]["examples"] for each in references)
    parameters = [
        each
        for path in raw["paths"].values()
        for operation in path.values()
        for each in operation.get("parameters", [])
    ]
    assert all(each["schema"]["examples"] for each in parameters if each["in"] == "path")
    for name in ("ImagesAnswer", "IdentityAnswer", "JobAnswer", "ProblemDetails"):
        assert raw["components"]["schemas"][name]["examples"]


@pytest.mark.parametrize("label", OPERATIONS)
def test_valid_requests_have_described_answers(schema, label):
    ask(schema, label, GenerationMode.POSITIVE)


@pytest.mark.parametrize("label", [each for each in OPERATIONS if each not in ("GET /healthz", "GET /readyz")])
def test_invalid_requests_are_refused_as_described(schema, label):
    """In a form all is text, so that what a schema calls another type is none there."""
    forms = ("POST /v1/images/edits", "POST /v1/identities")
    ask(schema, label, GenerationMode.NEGATIVE, *([checks.negative_data_rejection] if label in forms else []))


def ask(schema, label, mode, *excluded):
    operation = next(each.ok() for each in schema.get_all_operations() if each.ok().label == label)

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    def asked(case):
        case.call_and_validate(headers=TOKEN, excluded_checks=[*EXCLUDED, *excluded])

    asked()
