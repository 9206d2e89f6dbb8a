"""The official OpenAI client draws with the service, with the embedded model: the pictures are the session's own."""

import asyncio
import base64
import re

import httpx
import numpy as np
import openai
import pytest
from fixtures.http_client import image_of, png
from fixtures.running_app import running_app
from PIL import Image

from seal_sdk import Appearance, DeltaBridge, IdentitySession, Region
from seal_sdk.images import read_settings
from seal_sdk.serving.http.app import make_app
from seal_sdk.serving.http.service import Service
from seal_sdk.serving.http.settings import ServiceSettings

STEPS = {"num_inference_steps": 3}
TOKEN = "sesame"
BOX = (20.0, 20.0, 100.0, 110.0)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    with IdentitySession("pocket", store=tmp_path_factory.mktemp("store"), enable_progress_bar=False) as session:
        yield session


@pytest.fixture(scope="module")
def service(session):
    with Service(ServiceSettings(tokens=(TOKEN,))) as service:
        service.open(session)
        yield service


@pytest.fixture(scope="module")
def url(service):
    with running_app(make_app(service)) as url:
        yield url


@pytest.fixture(scope="module")
def client(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key=TOKEN, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def cat(session, url, reference_image):
    """The name of an identity that was registered over HTTP."""
    answer = httpx.post(
        f"{url}/v1/identities",
        headers={"Authorization": f"Bearer {TOKEN}"},
        files={"image": png(reference_image)},
        data={"name": "cat", "prompt": "a photo of a cat", "box": "20,20,100,110"},
        timeout=300,
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["name"]


def same(encoded, image):
    return np.array_equal(np.asarray(image_of(encoded)), np.asarray(image))


def test_images_of_a_prompt_are_those_of_the_session(client, session, cat, tmp_path):
    """Also after somebody has registered an identity: it is nobody's but who names it."""
    answer = client.images.generate(
        prompt="a photo of an orange cat", n=2, size="128x128", extra_body={"seed": 5, **STEPS}
    )
    drawn = session.generate(None, "a photo of an orange cat", num_images_per_prompt=2, seed=5, identity=False, **STEPS)
    assert [same(data.b64_json, image) for data, image in zip(answer.data, drawn.images, strict=True)] == [True, True]
    assert answer.seal["seeds"] == [5, 6] and answer.seal["coverage"] == [0, 0] and answer.created
    (tmp_path / "a.png").write_bytes(base64.b64decode(answer.data[0].b64_json))
    settings = read_settings(tmp_path / "a.png")
    assert settings["seed"] == 5 and settings["prompt"] == "a photo of an orange cat"


def test_an_identity_in_a_pose_is_the_sessions(client, session, cat, structure_image):
    asked = {
        "identity": cat,
        "structure": base64.b64encode(png(structure_image)).decode(),
        "structure_box": BOX,
        "seed": 3,
    }
    answer = client.images.generate(
        prompt="a photo of a cat", extra_body={**asked, "appearance": {"detail": 0.5}, **STEPS}
    )
    drawn = session.generate(
        structure_image,
        "a photo of a cat",
        identity="cat",
        structure_box=BOX,
        seed=3,
        appearance=Appearance(detail=0.5),
        **STEPS,
    )
    assert same(answer.data[0].b64_json, drawn.image) and answer.seal["coverage"][0] > 0.1
    assert answer.seal["timings"]["denoise"] > 0


def test_several_in_their_regions_are_the_sessions(client, session, cat):
    asked = {"cat": {"box": [8, 8, 60, 120], "prompt": "a photo of a blue cat"}}
    answer = client.images.generate(prompt="a photo of a cat", extra_body={"identity": asked, "seed": 3, **STEPS})
    placed = {"cat": Region((8, 8, 60, 120), prompt="a photo of a blue cat")}
    drawn = session.generate(None, "a photo of a cat", identity=placed, seed=3, **STEPS)
    assert same(answer.data[0].b64_json, drawn.image)


def test_an_edit_paints_the_transparent_part_alone(client, session, cat, reference_image):
    mask = Image.new("RGBA", reference_image.size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (32, 32, 96, 112))
    files = {"image": ("a.png", png(reference_image)), "mask": ("m.png", png(mask))}
    asked = {
        "identity": {"cat": {"box": [32, 32, 96, 112]}},
        "seed": 4,
        "strength": 1.0,
        "delta_bridge": {"end": 0.5},
        **STEPS,
    }
    answer = client.images.edit(prompt="a photo of a cat", **files, extra_body=asked)
    white = Image.new("L", reference_image.size)
    white.paste(255, (32, 32, 96, 112))
    drawn = session.generate(
        None, "a photo of a cat", identity={"cat": (32, 32, 96, 112)}, image=reference_image, mask_image=white, strength=1.0, seed=4,
        delta_bridge=DeltaBridge(end=0.5), **STEPS,
    )  # fmt: skip
    assert same(answer.data[0].b64_json, drawn.image)
    before, after = np.asarray(reference_image), np.asarray(image_of(answer.data[0].b64_json))
    assert np.array_equal(before[:32], after[:32]) and not np.array_equal(before[32:112, 32:96], after[32:112, 32:96])


def test_a_stream_shows_previews_and_then_the_image(client, session, cat):
    asked = {"identity": cat, "seed": 8, "num_inference_steps": 6}
    events = list(client.images.generate(prompt="a photo of a cat", stream=True, partial_images=2, extra_body=asked))
    assert [each.type for each in events] == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert isinstance(events[0], openai.types.ImageGenPartialImageEvent)
    assert isinstance(events[2], openai.types.ImageGenCompletedEvent) and events[2].usage.total_tokens == 0
    assert [each.partial_image_index for each in events[:2]] == [0, 1] and {each.size for each in events} == {"128x128"}
    drawn = session.generate(None, "a photo of a cat", identity="cat", seed=8, num_inference_steps=6).image
    assert same(events[2].b64_json, drawn)
    shown = [np.asarray(image_of(each.b64_json), dtype=float) for each in events[:2]]
    errors = [np.abs(each - np.asarray(drawn, dtype=float)).mean() for each in shown]
    assert all(each.shape == (128, 128, 3) for each in shown) and errors[1] < errors[0]


def test_a_stream_of_an_edit_has_its_own_events(client, reference_image):
    events = list(
        client.images.edit(
            image=("a.png", png(reference_image)), prompt="a cat", stream=True, extra_body={"strength": 0.5, **STEPS}
        )
    )
    assert [each.type for each in events] == ["image_edit.completed"]
    assert isinstance(events[0], openai.types.ImageEditCompletedEvent)


def test_errors_are_the_clients_own_with_the_sdks_words(client):
    with pytest.raises(openai.NotFoundError, match="no identity is called 'cta'") as unknown:
        client.images.generate(prompt="a cat", extra_body={"identity": "cta"})
    assert unknown.value.code == "unknown_identity"
    with pytest.raises(openai.UnprocessableEntityError, match="multiple of 4"):
        client.images.generate(prompt="a cat", size="126x126")
    with pytest.raises(openai.UnprocessableEntityError, match="no levels of quality"):
        client.images.generate(prompt="a cat", quality="high")
    with pytest.raises(openai.APIError, match="guidance_interval"):
        list(client.images.generate(prompt="a cat", stream=True, extra_body={"guidance_interval": [0.8, 0.2]}))
    with pytest.raises(openai.AuthenticationError, match="needs a token"):
        client.with_options(api_key="wrong").images.generate(prompt="a cat")


async def test_the_asynchronous_client_draws_and_who_leaves_has_his_job_cancelled(service, url, cat):
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=TOKEN, max_retries=0) as client:
        draw = lambda **more: client.images.generate(prompt="a photo of a cat", extra_body={"seed": 1, **STEPS, **more})  # noqa: E731
        first, second = await asyncio.gather(draw(), draw())
        assert first.data[0].b64_json == second.data[0].b64_json and first.seal["job"] != second.seal["job"]
        stream = await client.images.generate(
            prompt="a cat", stream=True, partial_images=3, extra_body={"num_inference_steps": 40}
        )
        async for event in stream:
            assert event.type == "image_generation.partial_image"
            break
        await stream.close()
        await until(lambda: cancelled(service) == 1)
        leaves = asyncio.ensure_future(draw(num_inference_steps=150))
        await until(lambda: service.engine.running == 1)
        leaves.cancel()
        await until(lambda: cancelled(service) == 2)
    assert service.engine.running + service.engine.waiting == 0


def cancelled(service):
    """How many jobs were, as the metrics tell."""
    found = re.search(r'seal_jobs_total\{outcome="cancelled"\} (\d+)', service.metrics.text().decode())
    return int(found[1]) if found else 0


async def until(condition):
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came about")


def test_the_model_is_listed(client):
    assert [each.id for each in client.models.list()] == ["pocket"]
