"""``generator``: one draws the noise of all images, as in diffusers; a list has one per image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import EulerAncestralDiscreteScheduler
from fixtures.diffusers_calls import FAST, SEEN, by_diffusers, by_session, generator

from seal_sdk.errors import InputError


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
