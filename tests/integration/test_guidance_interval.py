"""Guidance in an interval: a step callback that sets the scale to 1 saves the unconditional row from then on."""

from __future__ import annotations

import numpy as np
import torch

from seal_sdk import Appearance, DeltaBridge, IdentitySession

OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
STEPS = dict(num_inference_steps=4, guidance_scale=4.0, output_type="np")
CONDITIONS = ["prompt_embeds", "add_text_embeds", "add_time_ids"]


def stop_guidance(pipe, index, timestep, tensors):
    """After the second step. Diffusers' loop wants the conditional half of the conditioning as well."""
    if index == 1:
        pipe._guidance_scale = 1.0
        return {name: tensors[name].chunk(2)[-1] for name in CONDITIONS if name in tensors}
    return {}


def test_it_draws_what_diffusers_draws_with_fewer_rows(tiny_pipeline, tmp_path):
    pipe = tiny_pipeline()
    pipe.set_progress_bar_config(disable=True)
    with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as session:
        ours = session.generate(None, "a cat", seed=7, callback_on_step_end=stop_guidance, **STEPS, **OFF)
    theirs = pipe(
        "a cat",
        generator=torch.Generator().manual_seed(7),
        callback_on_step_end=stop_guidance,
        callback_on_step_end_tensor_inputs=["latents", *CONDITIONS],
        **STEPS,
    )
    assert np.array_equal(ours.image, theirs.images[0])
    assert ours.unet_rows == 2 + 2 + 1 + 1


def test_an_identity_is_drawn_without_the_row_too(tiny_pipeline, tmp_path, reference_image):
    with IdentitySession(tiny_pipeline(), store=tmp_path, enable_progress_bar=False) as session:
        session.register(reference_image, prompt="a photo of a cat", name="cat", box=(20, 20, 100, 110), timesteps=1)
        rows = [
            session.generate(None, "a red cat", seed=7, callback_on_step_end=callback, **STEPS).unet_rows
            for callback in (None, stop_guidance)
        ]
    assert rows[0] - rows[1] == 2
