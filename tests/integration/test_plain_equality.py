"""With every part of the method switched off, the session draws what plain diffusers draws, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seal_sdk import Appearance, DeltaBridge, IdentitySession

OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))


def drawn_by_diffusers(pipe, **arguments):
    pipe.set_progress_bar_config(disable=True)
    return pipe(output_type="np", **arguments).images


@pytest.mark.parametrize(
    "arguments",
    [
        dict(negative_prompt="a dog"),
        dict(guidance_scale=1.0),
        dict(guidance_scale=6.0, guidance_rescale=0.7),
        dict(height=96, width=160),
        dict(height=132, width=100),
        dict(clip_skip=1),
    ],
    ids=lambda arguments: "-".join(arguments),
)
def test_equals_diffusers_with_its_arguments(tiny_pipeline, tmp_path, arguments):
    pipe = tiny_pipeline()
    session = IdentitySession(pipe, store=tmp_path, **OFF)
    arguments = {"num_inference_steps": 2, "guidance_scale": 4.0, **arguments}
    if "height" in arguments and arguments["height"] % 8:
        pipe.check_inputs = lambda *args, **kwargs: None  # diffusers asks for multiples of 8, this VAE needs only 4
    ours = session.generate(None, "a cat", seed=3, output_type="np", **arguments)
    theirs = drawn_by_diffusers(pipe, prompt="a cat", generator=torch.Generator().manual_seed(3), **arguments)
    assert np.array_equal(ours.image, theirs[0])


@pytest.mark.parametrize("how", [OFF, dict(identity=False)], ids=["off", "nobody"])
def test_no_identity_is_plain_even_with_one_in_use(tiny_pipeline, tmp_path, reference_image, how):
    pipe = tiny_pipeline()
    session = IdentitySession(pipe, store=tmp_path)
    session.register(reference_image, prompt="a cat", box=(20, 20, 100, 110), name="cat")
    ours = session.generate(None, "a cat", num_inference_steps=2, guidance_scale=4.0, seed=1, output_type="np", **how)
    theirs = drawn_by_diffusers(
        pipe, prompt="a cat", num_inference_steps=2, guidance_scale=4.0, generator=torch.Generator().manual_seed(1)
    )
    assert np.array_equal(ours.image, theirs[0])
    assert ours.coverage == [0.0]


def test_bf16_equals_diffusers(tiny_pipeline, tmp_path):
    pipe = tiny_pipeline().to(dtype=torch.bfloat16)
    session = IdentitySession(pipe, store=tmp_path, **OFF)
    ours = session.generate(None, "a cat", num_inference_steps=2, seed=1, output_type="np")
    theirs = drawn_by_diffusers(pipe, prompt="a cat", num_inference_steps=2, generator=torch.Generator().manual_seed(1))
    assert np.array_equal(ours.image, theirs[0])
