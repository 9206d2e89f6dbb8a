"""The arguments that diffusers' pipelines take: their meaning here is the one they have there, bit for bit."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
)
from fixtures import tiny_sd15

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.errors import InputError

OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
FAST = dict(num_inference_steps=2, guidance_scale=4.0)
SEEN = Appearance(tau=-1.0)


@pytest.fixture
def open_session(tmp_path):
    return partial(IdentitySession, store=tmp_path, enable_progress_bar=False)


@pytest.fixture
def session(tiny_pipeline, open_session):
    with open_session(tiny_pipeline()) as session:
        yield session


@pytest.fixture
def sd15_session(tiny_tokenizer, open_session):
    with open_session(tiny_sd15.pipeline(tiny_tokenizer)) as session:
        yield session


@pytest.fixture
def with_identity(session, reference_image):
    session.register(reference_image, prompt="a photo of a cat", name="cat", box=(20, 20, 100, 110))
    return session


def generator(seed=3):
    return torch.Generator().manual_seed(seed)


def by_diffusers(session, *prompt, seed=3, **arguments):
    session.pipe.set_progress_bar_config(disable=True)
    return session.pipe(*prompt, generator=generator(seed), output_type="np", **{**FAST, **arguments}).images


def by_session(session, *prompt, **arguments):
    return session.generate(None, *prompt, output_type="np", **{**FAST, "seed": 3, **OFF, **arguments})


def assert_draws_an_identity(session, *prompt, **arguments):
    """Infused images of these arguments are finite, and are not those that are drawn without."""
    drawn = by_session(session, *prompt, **{**arguments, "appearance": SEEN, "delta_bridge": DeltaBridge()})
    assert drawn.coverage[0] == 1.0 and all(np.isfinite(image).all() for image in drawn.images)
    assert not np.array_equal(drawn.images[0], by_session(session, *prompt, **arguments).images[0])


def test_one_generator_draws_the_noise_of_all_images_at_once(session):
    ours = by_session(session, ["a cat", "a dog"], seed=None, generator=generator(), num_images_per_prompt=2)
    noise = torch.randn((4, 4, 32, 32), generator=generator())
    for number, image in enumerate(ours.images):
        prompt = ["a cat", "a cat", "a dog", "a dog"][number]
        assert np.array_equal(image, by_diffusers(session, prompt, latents=noise[number : number + 1])[0])
    assert ours.seeds == [None] * 4


def test_one_generator_goes_on_drawing_for_a_scheduler_that_asks(session):
    session.pipe.scheduler = EulerAncestralDiscreteScheduler.from_config(session.pipe.scheduler.config)
    ours = by_session(
        session, "a cat", seed=None, generator=generator(), num_images_per_prompt=2, num_inference_steps=3
    )
    theirs = by_diffusers(session, "a cat", num_images_per_prompt=2, num_inference_steps=3)
    assert np.allclose(ours.images, theirs, atol=1e-3)  # diffusers draws the two in one forward, which rounds otherwise


def test_one_generator_draws_an_identity(with_identity):
    how = dict(num_images_per_prompt=2, appearance=SEEN)
    assert with_identity.generate(None, "a cat", generator=generator(), **how, **FAST).coverage == [1.0, 1.0]


def test_a_list_of_generators_has_one_per_image(session):
    with pytest.raises(InputError, match="3 generators"):
        by_session(session, "a cat", seed=None, generator=[generator()] * 2, num_images_per_prompt=3)


SCHEDULES = {
    "timesteps": (EulerDiscreteScheduler, dict(timesteps=[900, 500, 20])),
    "sigmas": (EulerDiscreteScheduler, dict(sigmas=[10.0, 2.0, 0.3])),
    "multistep": (DPMSolverMultistepScheduler, dict(timesteps=[900, 500, 20])),
    "eta": (DDIMScheduler, dict(eta=0.7)),
}


@pytest.mark.parametrize("scheduler, arguments", SCHEDULES.values(), ids=SCHEDULES)
def test_custom_schedules(with_identity, scheduler, arguments):
    pipe = with_identity.pipe
    pipe.scheduler = scheduler.from_config(pipe.scheduler.config)
    ours = by_session(with_identity, "a cat", **arguments)
    assert np.array_equal(ours.image, by_diffusers(with_identity, "a cat", **arguments)[0])
    assert not np.array_equal(ours.image, by_session(with_identity, "a cat").image)
    assert_draws_an_identity(with_identity, "a cat", **arguments)
    settings = ours.settings[0]
    assert {key: settings[key] for key in arguments} == arguments
    assert settings["num_inference_steps"] == (2 if "eta" in arguments else 3)


@pytest.mark.parametrize("scheduler, name", [(PNDMScheduler, "sigmas"), (DDIMScheduler, "timesteps")])
def test_a_scheduler_that_takes_no_custom_schedule_is_named(session, scheduler, name):
    session.pipe.scheduler = scheduler.from_config(session.pipe.scheduler.config)
    with pytest.raises(InputError, match=f"{name}=.*{scheduler.__name__} does not take them"):
        by_session(session, "a cat", **{name: [900, 20]})


@pytest.mark.parametrize(
    "arguments",
    [
        dict(timesteps=[20], sigmas=[0.3]),
        dict(timesteps=[]),
        dict(timesteps=[1.5]),
        dict(sigmas="ab"),
        dict(sigmas=[-1.0]),
        dict(eta=2),
    ],
    ids=str,
)
def test_what_is_no_schedule_is_refused(session, arguments):
    with pytest.raises(InputError, match=next(iter(arguments))):
        by_session(session, "a cat", **arguments)
