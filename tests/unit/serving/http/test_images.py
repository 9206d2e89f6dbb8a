"""Requests for images: what the session is asked, what comes back, once and to whom."""

import asyncio
import json

import numpy as np
import pytest
from fixtures.http_client import base64_of, client_of, image_of, png
from PIL import Image

from seal_sdk import Appearance, Region
from seal_sdk.errors import SubjectNotFound
from seal_sdk.presets import PAPER
from seal_sdk.serving.http.settings import Limits

DRAW = "/v1/images/generations"


async def register(client, name="cat"):
    answer = await client.post(
        "/v1/identities", files={"image": png()}, data={"name": name, "prompt": f"a photo of a {name}"}
    )
    assert answer.status_code == 201


async def until(condition):
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it never came about")


async def test_a_prompt_alone_draws_nobody(client, session):
    answer = await client.post(DRAW, json={"prompt": "a cat", "n": 2, "seed": 7, "size": "64x96"})
    body = answer.json()
    assert answer.status_code == 200 and answer.headers["x-seal-job"] == body["seal"]["job"]
    assert [image_of(each["b64_json"]).getpixel((0, 0)) for each in body["data"]] == [(7, 0, 0), (8, 0, 0)]
    assert body["seal"]["seeds"] == [7, 8] and body["size"] == "8x8" and body["created"] > 1_700_000_000
    assert session.calls == [
        {"seed": [7, 8], "prompt": ["a cat"] * 2, "identity": [False] * 2, "width": 64, "height": 96}
    ]


async def test_an_identity_is_drawn_with_everything_that_is_asked(client, session):
    await register(client)
    asked = {
        "prompt": "a cat", "model": "pocket", "identity": "cat", "structure": base64_of(png()), "structure_prompt": "a mesh",
        "structure_box": [1, 2, 9, 10], "structure_mask": "data:image/png;base64," + base64_of(png(Image.new("L", (16, 16), 255))),
        "negative_prompt": "red", "seed": 3, "num_inference_steps": 4, "guidance_scale": 3, "guidance_interval": [0.2, 0.8],
        "preset": "paper", "appearance": {"detail": 0.5}, "user": "me", "moderation": "low", "quality": "auto",
    }  # fmt: skip
    answer = await client.post(DRAW, json=asked)
    assert answer.status_code == 200, answer.text
    (call,) = session.calls
    images = call.pop("structure"), call.pop("structure_mask")
    assert [each[0].size for each in images] == [(16, 16), (16, 16)] and images[0][0].getpixel((0, 0)) == (255, 0, 0)
    assert call == {
        "seed": [3], "prompt": ["a cat"], "identity": ["cat"], "structure_prompt": ["a mesh"], "structure_box": [(1, 2, 9, 10)],
        "negative_prompt": ["red"], "num_inference_steps": 4, "guidance_scale": 3, "guidance_interval": (0.2, 0.8),
        "preset": "paper", "appearance": Appearance(**{**vars(PAPER.appearance), "detail": 0.5}),
    }  # fmt: skip


@pytest.mark.parametrize(
    "identity",
    [
        {
            "cat": {"box": [0, 0, 8, 8]},
            "dog": {"mask": base64_of(png(Image.new("L", (16, 16), 255))), "prompt": "a blue dog"},
        },
        [
            {"name": "cat", "box": [0, 0, 8, 8]},
            {"name": ["dog"], "mask": base64_of(png(Image.new("L", (16, 16), 255))), "prompt": "a blue dog"},
        ],
    ],
)
async def test_several_are_drawn_each_in_its_region(client, session, identity):
    await register(client)
    await register(client, "dog")
    assert (await client.post(DRAW, json={"prompt": "both", "identity": identity})).status_code == 200
    (placed,) = session.calls[0]["identity"]
    (cat, dog) = placed.values()
    assert isinstance(cat, Region) and cat.place == (0, 0, 8, 8) and cat.prompt is None
    assert np.asarray(dog.place).all() and dog.prompt == "a blue dog"
    assert list(placed) == (["cat", "dog"] if isinstance(identity, dict) else ["cat", ("dog",)])


async def test_several_names_are_references_of_one_subject(client, session):
    await register(client)
    await register(client, "dog")
    await client.post(DRAW, json={"prompt": "one", "identity": ["cat", "dog"]})
    assert session.calls[0]["identity"] == [("cat", "dog")]


@pytest.mark.parametrize(
    ("asked", "status", "code", "told"),
    [
        ({"identity": "cta"}, 404, "unknown_identity", "no identity is called 'cta'"),
        ({"prompt": " "}, 422, "invalid_prompt", "prompt"),
        ({"prompt": "x" * 5000}, 422, "invalid_input", "prompt: 5000 characters; this service takes at most 4000"),
        ({"size": "66x66"}, 422, "invalid_size", "multiple of 4"),
        ({"size": "4096x4096"}, 422, "invalid_input", "draws at most 4194304 pixels"),
        ({"num_inference_steps": 151}, 422, "invalid_input", "at most 150"),
        ({"n": 11}, 422, "invalid_input", "at most 10"),
        ({"n": 0}, 422, "invalid_request", "n: "),
        ({"n": "2"}, 422, "invalid_request", "n: Input should be a valid integer"),
        ({"deadline": 0.5}, 422, "invalid_request", "deadline: Input should be greater than or equal to 1"),
        ({"deadline": 4000}, 422, "invalid_input", "deadline: 4000"),
        ({"model": "dall-e-3"}, 422, "invalid_input", "'pocket' alone"),
        ({"structure": "cat.png"}, 422, "invalid_image", "paths are not opened"),
        ({"quality": "hd"}, 422, "invalid_request", "no levels of quality"),
        ({"stream": True, "wait": 1}, 422, "invalid_request", "wait"),
    ],
)
async def test_mistakes_are_told_before_anything_waits(client, session, asked, status, code, told):
    answer = await client.post(DRAW, json={"prompt": "a cat", **asked})
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code) and told in body["detail"]
    assert body["error"]["message"] == body["detail"] and body["status"] == status and body["title"]
    assert answer.headers["content-type"] == "application/problem+json" and session.calls == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"prompt": "a", "guidance_scale": NaN}'])
async def test_what_is_no_json_object_is_refused(client, body):
    answer = await client.post(DRAW, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    wrong = await client.post(DRAW, content=body, headers={"content-type": "text/plain"})
    assert (wrong.status_code, wrong.json()["code"]) == (415, "unsupported_media_type")


async def test_a_parameter_that_is_not_there_is_told(client, session):
    answer = await client.post(f"{DRAW}?wiat=false", json={"prompt": "a"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert answer.json()["detail"] == "'wiat': there is no such parameter; wait is one." and session.calls == []


async def test_what_the_session_refuses_is_answered_in_its_words(client, session):
    session.fails["a cat"] = SubjectNotFound("Nobody is there: pass box=.")
    answer = await client.post(DRAW, json={"prompt": "a cat"})
    assert (answer.status_code, answer.json()["code"]) == (422, "subject_not_found")
    assert answer.json()["error"]["message"] == "Nobody is there: pass box=."


@pytest.mark.parametrize(("kind", "mode"), [("jpeg", "JPEG"), ("webp", "WEBP"), ("png", "PNG")])
async def test_other_formats(client, kind, mode):
    body = (await client.post(DRAW, json={"prompt": "a", "output_format": kind, "output_compression": 0})).json()
    assert image_of(body["data"][0]["b64_json"]).format == mode and body["output_format"] == kind


async def test_an_edit_paints_where_the_mask_is_transparent(client, session):
    mask = Image.new("RGBA", (16, 16), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 8, 16))
    form = {"prompt": "a cat", "seed": "5", "strength": "0.8", "appearance[tau]": "0.3", "guidance_interval": "0.2,0.8"}
    files = {"image": png(), "mask": png(mask), "structure": png(Image.new("RGB", (8, 8), "blue"))}
    answer = await client.post("/v1/images/edits", data=form, files=files)
    assert answer.status_code == 200, answer.text
    (call,) = session.calls
    assert call["seed"] == [5] and call["strength"] == 0.8 and call["guidance_interval"] == (0.2, 0.8)
    assert call["appearance"] == Appearance(tau=0.3) and call["identity"] == [False]
    assert call["image"].getpixel((0, 0)) == (255, 0, 0) and call["structure"][0].getpixel((0, 0)) == (0, 0, 255)
    white = np.asarray(call["mask_image"])
    assert white[:, :8].min() == 255 and white[:, 8:].max() == 0


@pytest.mark.parametrize(
    ("form", "files", "told"),
    [
        ({"prompt": "a"}, {"mask": png()}, "image: send the picture"),
        ({"prompt": "a"}, {"image": png(), "photo": png()}, "photo: no such file"),
        (
            {"prompt": "a", "structure": base64_of(png())},
            {"image": png(), "structure": png()},
            "as a field and as a file",
        ),
        ({}, {"image": png()}, "prompt: Field required"),
        ({"prompt": "a"}, {"image": png(), "mask": png()}, "no transparency"),
        ({"prompt": "a"}, {"image": png(Image.new("1", (2400, 2400)))}, "draws at most"),
    ],
)
async def test_mistakes_in_forms_are_told(client, form, files, told):
    answer = await client.post("/v1/images/edits", data=form, files=files)
    assert answer.status_code == 422 and told in answer.json()["detail"]


async def test_the_same_key_is_the_same_job(paced, start):
    app = start(paced)[1]
    async with client_of(app) as client:
        send = lambda key, prompt="a": client.post(DRAW, json={"prompt": prompt}, headers={"idempotency-key": key})  # noqa: E731
        both = asyncio.gather(send("one"), send("one"))
        await until(paced.entered.is_set)
        other = await send("one", "b")
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        paced.allow(100)
        first, second = await both
        again, new = await send("one"), await send("two")
    assert first.json() == second.json() == again.json()
    assert first.json()["seal"]["job"] != new.json()["seal"]["job"] and len(paced.calls) == 2


async def test_a_key_whose_job_failed_is_tried_anew(client, session):
    session.fails["a"] = SubjectNotFound("nobody")
    key = {"idempotency-key": "one"}
    assert (await client.post(DRAW, json={"prompt": "a"}, headers=key)).status_code == 422
    del session.fails["a"]
    assert (await client.post(DRAW, json={"prompt": "a"}, headers=key)).status_code == 200


async def test_keys_belong_to_clients(session, start):
    app = start(session, tokens=("one", "two"))[1]
    jobs = set()
    for token in ("one", "two"):
        async with client_of(app, authorization=f"Bearer {token}") as client:
            answer = await client.post(DRAW, json={"prompt": token}, headers={"idempotency-key": "same"})
            jobs.add(answer.json()["seal"]["job"])
    assert len(jobs) == 2


async def test_a_full_queue_says_when_to_come_again(paced, start):
    app = start(paced, limits=Limits(max_waiting=1))[1]
    async with client_of(app) as client:
        running = asyncio.ensure_future(client.post(DRAW, json={"prompt": "a"}))
        await until(paced.entered.is_set)
        assert (await client.post(f"{DRAW}?wait=false", json={"prompt": "b"})).status_code == 202
        full = await client.post(DRAW, json={"prompt": "c"})
        assert (full.status_code, full.json()["code"]) == (429, "queue_full") and full.headers["retry-after"] == "5"
        paced.allow(100)
        assert (await running).status_code == 200


async def test_waiting_images_are_bounded_in_bytes(paced, start):
    service, app = start(paced, limits=Limits(held_bytes=3000))
    body = {"prompt": "a", "structure": base64_of(png())}
    async with client_of(app) as client:
        taken = [(await client.post(f"{DRAW}?wait=false", json=body)).status_code for _ in range(3)]
        assert taken == [202, 202, 429]
        paced.allow(100)
        await until(lambda: service.engine.waiting + service.engine.running == 0)
        assert (await client.post(DRAW, json=body)).status_code == 200


async def test_who_goes_has_his_job_cancelled_unless_others_wait_for_it(paced, start):
    service, app = start(paced)
    async with client_of(app) as client:
        headers = {"idempotency-key": "one"}
        first, second = (
            asyncio.ensure_future(client.post(DRAW, json={"prompt": "a"}, headers=headers)) for _ in range(2)
        )
        await until(paced.entered.is_set)
        first.cancel()
        await asyncio.sleep(0.02)
        assert service.engine.running == 1 and not second.done()
        second.cancel()
        await asyncio.wait([second])
        paced.allow(1)  # within a step
        await until(lambda: service.engine.running == 0)
    assert b'seal_jobs_total{outcome="cancelled"} 1.0' in service.metrics.text()


async def test_a_job_that_is_too_late(paced, start):
    async with client_of(start(paced, limits=Limits(deadline=1.0))[1]) as client:
        asked = asyncio.ensure_future(client.post(DRAW, json={"prompt": "a"}))
        await until(paced.entered.is_set)
        await asyncio.sleep(1.01)
        paced.allow(1)
        answer = await asked
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")


async def test_nothing_is_taken_before_the_model_is_there_and_while_draining(session, start):
    service, app = start(None)
    async with client_of(app) as client:
        for path in ("/readyz", "/v1/identities", "/v1/jobs/x"):
            assert (await client.get(path)).json()["code"] == "loading"
        loading = await client.post(DRAW, json={"prompt": "a"})
        assert (loading.status_code, loading.json()["code"]) == (503, "loading") and loading.headers["retry-after"]
        assert (await client.get("/healthz")).json() == {"status": "ok"} and b"seal_ready 0.0" in (
            await client.get("/metrics")
        ).content
        service.open(session)
        assert (await client.get("/readyz")).status_code == 200
        assert service.drain(1)
        closing = await client.post(DRAW, json={"prompt": "a"})
        assert (closing.status_code, closing.json()["code"]) == (503, "shutting_down")
        assert (await client.get("/readyz")).status_code == 503 and (await client.get("/healthz")).status_code == 200


async def test_a_stream_without_previews_is_one_event(client, session):
    async with client.stream("POST", DRAW, json={"prompt": "a", "stream": True, "seed": 9}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line async for line in answer.aiter_lines() if line]
    assert lines[0] == "event: image_generation.completed"
    data = json.loads(lines[1].removeprefix("data: "))
    assert (
        image_of(data["b64_json"]).getpixel((0, 0)) == (9, 0, 0) and data["seal"]["seed"] == 9 and data["size"] == "8x8"
    )


async def test_an_error_in_a_stream_is_an_event(client, session):
    session.fails["a"] = SubjectNotFound("nobody")
    async with client.stream("POST", DRAW, json={"prompt": "a", "stream": True}) as answer:
        lines = [line async for line in answer.aiter_lines() if line]
    assert lines[0] == "event: error"
    assert json.loads(lines[1].removeprefix("data: "))["error"]["code"] == "subject_not_found"
