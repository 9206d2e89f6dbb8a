"""A UNet that is made for inpainting sees the picture and its mask besides the latents."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fixtures.pictures import BOX, EVERY, GUIDED, INPAINT, OFF, PICTURE, diffusers_draws, we_draw
from fixtures.pipeline_states import with_unet

from seal_sdk import IdentitySession
from seal_sdk.errors import InputError


@pytest.fixture
def nine(tiny_pipeline, tmp_path):
    with IdentitySession(
        with_unet(tiny_pipeline(), in_channels=9), store=tmp_path, enable_progress_bar=False
    ) as session:
        yield session


@pytest.mark.parametrize("strength", [0.6, 0.9999, 1.0])
def test_with_the_method_off_it_is_diffusers(nine, strength):
    given = dict(image=PICTURE, strength=strength, output_type="latent", **GUIDED, **INPAINT)
    assert torch.equal(we_draw(nine, **given).image, diffusers_draws(nine.pipe, **given)[0])


def test_masked_latents_take_the_place_of_the_picture(nine):
    masked = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    given = dict(image=PICTURE, masked_image_latents=masked, output_type="latent", **GUIDED, **INPAINT)
    assert torch.equal(we_draw(nine, **given).image, diffusers_draws(nine.pipe, **given)[0])


def test_an_identity_registers_and_draws_with_structure(nine, reference_image, structure_image):
    nine.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=2)
    given = dict(image=PICTURE, seed=1, output_type="np", **GUIDED, **INPAINT)
    drawn = nine.generate(structure_image, "a cat", structure_box=BOX, appearance=EVERY, **given)
    plain = nine.generate(structure_image, "a cat", structure_box=BOX, **OFF, **given)
    assert np.isfinite(drawn.image).all() and drawn.coverage[0] > 0.1
    assert not np.allclose(drawn.image, plain.image, atol=1e-4)


def test_without_a_mask_it_says_what_is_missing(nine):
    rows = []
    nine.pipe.unet.register_forward_pre_hook(lambda *_: rows.append(1))
    for given in ({}, {"image": PICTURE}):
        with pytest.raises(InputError, match="mask_image="):
            nine.generate(None, "a cat", **OFF, **given)
    with pytest.raises(InputError, match="masked_image_latents"):
        nine.generate(None, "a cat", image=torch.zeros(1, 4, 16, 16), **INPAINT, **OFF)
    assert not rows
