"""Nodes draw into a sampler's pictures and latents as the session does, bit for bit."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from fixtures.comfyui import load_image
from fixtures.comfyui_calls import NOBODY, STEPS, WIDGETS, pixels, same

from seal_sdk import IdentitySession
from seal_sdk.errors import InputError
from seal_sdk.serving.comfyui.models import OpenModel


def test_into_a_samplers_picture(run, opened, cat, session, structure_image):
    picture = load_image(structure_image)[0] * 0.9 + 0.0123  # finer than 256 levels
    mask = torch.zeros(1, 128, 128)
    mask[:, 30:100, 30:100] = 1
    given = dict(session=opened, prompt="a cat", identity=cat, strength=0.9, crop_to_mask=False, **WIDGETS)
    image, _, _ = run("SealDrawInto", image=picture, mask=mask, **given)
    start = picture[0].permute(2, 0, 1)
    alone = dict(prompt="a cat", identity="cat", strength=0.9, seed=3, num_inference_steps=STEPS)
    drawn = session.generate(image=start, mask_image=mask[0].numpy(), height=128, width=128, **alone)
    assert same(image, drawn)
    outside = mask[0].numpy() == 0
    assert np.array_equal(pixels(image)[0][outside], pixels(picture)[0][outside])
    whole, _, _ = run("SealDrawInto", image=picture[:, :120, :96], mask=torch.zeros(1, 64, 64), **given)
    assert whole.shape == (1, 120, 96, 3)
    with pytest.raises(InputError, match="either an image or a latent"):
        run("SealDrawInto", **given)


def test_a_large_picture_keeps_its_size_beside_a_mask(run, opened, cat, session):
    """diffusers would stretch it to the model's own."""
    picture = torch.full((1, 64, 192, 3), 0.5)
    mask = torch.zeros(1, 64, 192)
    mask[:, 8:56, 32:96] = 1
    given = dict(session=opened, prompt="a cat", identity=cat, strength=1.0, image=picture, mask=mask, **WIDGETS)
    image, _, _ = run("SealDrawInto", crop_to_mask=False, **given)
    assert image.shape == (1, 64, 192, 3)
    cropped, settings, _ = run("SealDrawInto", crop_to_mask=True, **given)
    assert cropped.shape == (1, 64, 192, 3) and json.loads(settings)[0]["padding_mask_crop"] == 32


def test_into_a_samplers_latents(run, tiny_pipeline, tmp_path, structure_image):
    """ComfyUI passes on the VAE's own latents, without the model's scale."""
    with IdentitySession(tiny_pipeline(), store=tmp_path, enable_progress_bar=False) as session:
        scaled = session.backbone.encode_image(structure_image)
        scale = session.pipe.vae.config.scaling_factor
        assert 0.1 < scale < 0.2
        mask = torch.zeros(1, 1, 128, 128)
        mask[..., 30:100, 30:100] = 1
        given = dict(session=OpenModel(session), prompt="a cat", strength=0.9, crop_to_mask=False, **WIDGETS)
        image, _, _ = run("SealDrawInto", latent={"samples": scaled / scale, "noise_mask": mask}, **given)
        alone = dict(prompt="a cat", strength=0.9, seed=3, num_inference_steps=STEPS, **NOBODY)
        drawn = session.generate(image=scaled / scale * scale, mask_image=mask[0, 0].numpy(), **alone)
        assert same(image, drawn)
        whole, _, _ = run("SealDrawInto", latent={"samples": scaled / scale}, **given)
        assert whole.shape == (1, 128, 128, 3) and not torch.equal(whole, image)
