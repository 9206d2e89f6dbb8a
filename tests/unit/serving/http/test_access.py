"""Who may come in: tokens, names of this machine, pages of others; how often, and with how much."""

import logging

import pytest
from fixtures.http_client import client_of

from seal_sdk.serving.http.rates import RateLimit
from seal_sdk.serving.http.settings import Limits

BODY = {"prompt": "a cat"}
OPEN = ["/healthz", "/readyz", "/openapi.json"]
CLOSED = ["/metrics", "/v1/models", "/v1/identities", "/v1/jobs/x", "/nowhere"]


async def test_without_the_token_only_health_is_told(session, start):
    app = start(session, tokens=("first", "second"))[1]
    async with client_of(app) as client:
        assert [(await client.get(path)).status_code for path in OPEN] == [200] * 3
        for path in CLOSED:
            answer = await client.get(path)
            assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
            assert (
                answer.headers["content-type"] == "application/problem+json" and answer.json()["code"] == "unauthorized"
            )
    for wrong in ("Bearer third", "Bearer", "first", "Basic first", "Bearer first second"):
        async with client_of(app, authorization=wrong) as client:
            assert (await client.post("/v1/images/generations", json=BODY)).status_code == 401
    for token in ("first", "second"):
        async with client_of(app, authorization=f"Bearer {token}") as client:
            assert (await client.get("/v1/models")).status_code == 200
    assert session.calls == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "192.168.1.2"])
async def test_names_of_others_are_not_answered_without_a_token(client, host):
    answer = await client.post("/v1/images/generations", json=BODY, headers={"host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden_host")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1"])
async def test_pages_of_others_are_not_answered_without_a_token(client, origin):
    answer = await client.post("/v1/images/generations", json=BODY, headers={"origin": origin})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden_origin")


async def test_the_services_own_page_is_answered(client):
    for name in ("127.0.0.1:8000", "localhost:8000", "[::1]:8000"):
        answer = await client.post(
            "/v1/images/generations", json=BODY, headers={"host": name, "origin": f"http://{name}"}
        )
        assert answer.status_code == 200


async def test_with_a_token_names_and_pages_do_not_matter(session, start):
    app = start(session, tokens=("first",))[1]
    async with client_of(app, authorization="Bearer first", host="example.org", origin="https://a.example") as client:
        assert (await client.get("/v1/models")).status_code == 200


def test_a_client_that_asks_too_often_is_told_when_to_come_again():
    now = 0.0
    limit = RateLimit(None, per_minute=60, clock=lambda: now)
    assert [limit.wait("a") for _ in range(10)] == [0.0] * 10
    assert limit.wait("a") == pytest.approx(1.0) and limit.wait("b") == 0.0
    now = 0.5
    assert limit.wait("a") == pytest.approx(0.5)
    now = 1.0
    assert limit.wait("a") == 0.0 and limit.wait("a") == pytest.approx(1.0)


async def test_the_rate_is_of_what_costs(session, start):
    async with client_of(start(session, limits=Limits(requests_per_minute=6))[1]) as client:
        answers = [await client.post("/v1/images/generations", json=BODY) for _ in range(2)]
        assert [each.status_code for each in answers] == [200, 429]
        assert answers[1].headers["retry-after"] == "10" and answers[1].json()["code"] == "rate_limited"
        assert [(await client.get("/v1/models")).status_code for _ in range(5)] == [200] * 5


async def test_a_body_that_is_too_large_is_refused_at_its_announcement_or_on_its_way(session, start):
    app = start(session, limits=Limits(request_bytes=1000))[1]
    read = []

    async def chunks():
        for number in range(100):
            read.append(number)
            yield b"x" * 100

    async with client_of(app) as client:
        announced = await client.post("/v1/images/generations", json={"prompt": "x" * 2000})
        streamed = await client.post(
            "/v1/images/generations", content=chunks(), headers={"content-type": "application/json"}
        )
        form = await client.post("/v1/images/edits", data={"prompt": "a"}, files={"image": b"x" * 2000})
    for answer in (announced, streamed, form):
        assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")
    assert len(read) < 15


async def test_the_log_has_the_job_and_nothing_of_the_prompt(session, start, caplog):
    app = start(session, tokens=("sesame",))[1]
    session.fails["a secret"] = RuntimeError("it held a secret")
    with caplog.at_level(logging.DEBUG, logger="seal"):
        async with client_of(app, authorization="Bearer sesame") as client:
            drawn = await client.post("/v1/images/generations?wait=true", json={"prompt": "another secret"})
            failed = await client.post("/v1/images/generations", json={"prompt": "a secret"})
            await client.get("/v1/models?a=secret")
    assert failed.status_code == 500 and failed.json()["code"] == "internal_error" and "secret" not in failed.text
    assert "POST /v1/images/generations 200" in caplog.text and drawn.json()["seal"]["job"] in caplog.text
    assert "secret" not in caplog.text and "sesame" not in caplog.text


async def test_prompts_are_logged_where_it_is_asked(session, start, caplog):
    with caplog.at_level(logging.INFO, logger="seal"):
        async with client_of(start(session, log_prompts=True)[1]) as client:
            await client.post("/v1/images/generations", json={"prompt": "a secret"})
    assert "a secret" in caplog.text
