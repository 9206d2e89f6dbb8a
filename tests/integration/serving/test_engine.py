"""The engine over a real session draws what the session draws, bit for bit, and its previews look like the pictures."""

import numpy as np
import pytest
from PIL import Image

from seal_sdk import Appearance, Callback, IdentitySession
from seal_sdk.errors import UnknownIdentity
from seal_sdk.serving.engine import Engine
from seal_sdk.serving.work import Drawing, Registering

BOX = (20.0, 20.0, 100.0, 110.0)
PATIENCE = 120
SHARED = dict(num_inference_steps=2, height=64, width=64)


@pytest.fixture
def session(tiny_pipeline, tmp_path, reference_image):
    with IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False) as session:
        session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=2)
        yield session


def test_jobs_draw_what_the_session_draws(session, structure_image):
    works = [
        Drawing((1, 2), dict(prompt="a cat", identity="cat"), SHARED),
        Drawing((3,), dict(prompt="a cat", identity="cat", structure=structure_image, structure_box=BOX), SHARED),
        Drawing((4,), dict(prompt="a cat"), {**SHARED, "appearance": Appearance(delta=0)}),
        Drawing((5,), dict(prompt="a cat", identity={"cat": (8, 8, 40, 60)}), SHARED),
        Drawing((6,), dict(prompt="a cat"), SHARED, {"image": structure_image, "strength": 0.9}),
    ]
    with Engine(session) as engine:
        drawn = [engine.submit(work).result(PATIENCE) for work in works]
    for work, generation in zip(works, drawn, strict=True):
        nobody = dict(identity=False)
        alone = [
            session.generate(**nobody | work.each, **work.shared, **work.pictures, seed=seed) for seed in work.seeds
        ]
        for image, expected in zip(generation.images, alone, strict=True):
            assert np.array_equal(np.asarray(image), np.asarray(expected.image))
        assert generation.settings == [each.settings[0] for each in alone]


def test_jobs_that_are_drawn_together_draw_what_they_draw_alone(session, structure_image):
    """As lists of one call, whatever each of them asks for."""
    works = [
        Drawing((1, 2), dict(prompt="a cat", identity="cat"), SHARED),
        Drawing(
            (3,), dict(prompt="a dog", structure=structure_image, structure_box=BOX, negative_prompt="red"), SHARED
        ),
        Drawing((5,), dict(prompt="a cat", identity={"cat": (8, 8, 40, 60)}), SHARED),
    ]
    assert all(works[0].joins(work) for work in works)
    with Engine(session) as engine:
        alone = [engine.submit(work).result(PATIENCE) for work in works]
    first, *others = works
    together = first.run(session, Callback(), others)
    for one, other in zip(alone, together, strict=True):
        assert [np.array_equal(*map(np.asarray, each)) for each in zip(one.images, other.images, strict=True)] == [
            True
        ] * len(one.images)
        assert one.settings == other.settings and one.seeds == other.seeds


def test_a_reference_is_registered_and_found_again(session, reference_image):
    arguments = dict(image=reference_image, prompt="a photo of a cat", name="again", box=BOX, timesteps=2)
    with Engine(session) as engine:
        identity = engine.submit(Registering(arguments)).result(PATIENCE)
    assert identity.digest == session.identities["cat"].digest and identity.name == "again"


def test_mistakes_are_the_sessions_own(session):
    with Engine(session) as engine:
        job = engine.submit(Drawing((0,), dict(prompt="a cat", identity="cta"), SHARED))
        with pytest.raises(UnknownIdentity, match="cat"):
            job.result(PATIENCE)


def test_previews_look_like_the_picture(tmp_path):
    """With the embedded model: the last preview's colours are those of the picture, made as small."""
    with IdentitySession("pocket", store=tmp_path, enable_progress_bar=False) as session, Engine(session) as engine:
        job = engine.submit(
            Drawing((1,), dict(prompt="a photo of an orange cat on grass"), dict(num_inference_steps=8)), previews=True
        )
        seen = []
        job.listen(lambda: seen.append(job.progress.previews))
        picture = job.result(PATIENCE).image
    previews = [each[0] for each in seen if each]
    assert len(previews) == 8 and previews[-1].size == (32, 32)
    small = np.asarray(picture.resize((32, 32), Image.Resampling.BOX), dtype=float)
    errors = [np.abs(np.asarray(each, dtype=float) - small).mean() for each in previews]
    assert errors[-1] < 20 and errors[-1] < errors[0] / 2
