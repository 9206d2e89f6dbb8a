"""An ensemble of experts: the base model up to 0.8 of the schedule, then the refiner."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLImg2ImgPipeline
from fixtures.pictures import BOX, EVERY, GUIDED, OFF, PICTURE, SIZE, we_draw
from fixtures.pipeline_states import with_unet

from seal_sdk import IdentitySession
from seal_sdk.errors import InputError


@pytest.fixture
def refiner(tiny_pipeline):
    pipe = with_unet(tiny_pipeline(5), projection_class_embeddings_input_dim=72, cross_attention_dim=32)
    made = StableDiffusionXLImg2ImgPipeline(
        **{**pipe.components, "text_encoder": None, "tokenizer": None},
        requires_aesthetics_score=True,
        add_watermarker=False,
    )
    made.set_progress_bar_config(disable=True)
    return made


def test_base_and_refiner_are_diffusers(session, refiner, tmp_path):
    given = dict(num_inference_steps=6, guidance_scale=4.0)
    base = session.generate(None, "a cat", seed=3, denoising_end=0.8, output_type="latent", **SIZE, **OFF, **given)
    session.pipe.set_progress_bar_config(disable=True)
    theirs = session.pipe(
        "a cat",
        generator=torch.Generator().manual_seed(3),
        denoising_end=0.8,
        output_type="latent",
        **SIZE,
        **given,
    ).images
    assert torch.equal(base.image, theirs[0])
    finish = dict(image=theirs, denoising_start=0.8, aesthetic_score=7.0, negative_aesthetic_score=1.5, **given)
    expected = refiner("a cat", generator=torch.Generator().manual_seed(9), output_type="np", **finish).images[0]
    with IdentitySession(refiner, store=tmp_path / "refiner", enable_progress_bar=False) as refining:
        ours = we_draw(refining, seed=9, **finish)
        assert np.array_equal(ours.image, expected)
        finish["image"] = base.image  # (C, h, w)
        assert np.array_equal(we_draw(refining, seed=9, **finish).image, expected)


def test_a_refiner_registers_and_refines(refiner, tmp_path, reference_image):
    with IdentitySession(refiner, store=tmp_path, enable_progress_bar=False) as session:
        session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=2)
        drawn = session.generate(None, "a cat", image=PICTURE, strength=0.5, appearance=EVERY, seed=1, **GUIDED)
        assert drawn.image.size == (64, 64) and drawn.coverage[0] > 0.1
        with pytest.raises(InputError, match="refines pictures: give image="):
            session.generate(None, "a cat", **GUIDED)


def test_other_models_take_no_aesthetic_score(session):
    with pytest.raises(InputError, match="aesthetic_score: this model takes no"):
        session.generate(None, "a cat", image=PICTURE, aesthetic_score=7.0, **OFF)
