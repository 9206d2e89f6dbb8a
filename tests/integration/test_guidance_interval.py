"""Guidance in an interval: outside of it the unconditional row is saved, by the argument or by a step callback."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.config import SamplingDefaults
from seal_sdk.errors import ConfigError
from seal_sdk.method.schedules import guidance_at

OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
NO_EDITS = DeltaBridge(override=0)
STEPS = dict(num_inference_steps=4, guidance_scale=4.0, output_type="np")
CONDITIONS = ["prompt_embeds", "add_text_embeds", "add_time_ids"]
FIRST_HALF, MIDDLE = (0.0, 0.5), (0.3, 0.7)  # of four steps: the first two, and the second and third


def stop_guidance(pipe, index, timestep, tensors):
    """After the second step. Diffusers' loop wants the conditional half of the conditioning as well."""
    if index == 1:
        pipe._guidance_scale = 1.0
        return {name: tensors[name].chunk(2)[-1] for name in CONDITIONS if name in tensors}
    return {}


@pytest.fixture
def pipe(tiny_pipeline):
    made = tiny_pipeline()
    made.set_progress_bar_config(disable=True)
    return made


@pytest.fixture
def session(pipe, tmp_path):
    with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as opened:
        yield opened


@pytest.fixture
def cat(session, reference_image):
    return session.register(reference_image, prompt="a photo of a cat", name="cat", box=(20, 20, 100, 110), timesteps=1)


@pytest.mark.parametrize("how", [dict(callback_on_step_end=stop_guidance), dict(guidance_interval=FIRST_HALF)])
def test_it_draws_what_diffusers_draws_with_fewer_rows(pipe, session, how):
    ours = session.generate(None, "a cat", seed=7, **how, **STEPS, **OFF)
    theirs = pipe(
        "a cat",
        generator=torch.Generator().manual_seed(7),
        callback_on_step_end=stop_guidance,
        callback_on_step_end_tensor_inputs=["latents", *CONDITIONS],
        **STEPS,
    )
    assert np.array_equal(ours.image, theirs.images[0])
    assert ours.unet_rows == 2 + 2 + 1 + 1


def test_in_the_middle_it_draws_what_diffusers_draws_but_for_rounding(pipe, session):
    ours = session.generate(None, "a cat", seed=7, guidance_interval=MIDDLE, **STEPS, **OFF)
    scales = iter([1.0, 4.0, 4.0, 1.0])
    parts = dict(guidance_scale=property(lambda _: next(scales)), do_classifier_free_guidance=property(lambda _: True))
    guided = type("Guided", (type(pipe),), parts)(**pipe.components, add_watermarker=False)  # all rows in each step
    guided.set_progress_bar_config(disable=True)
    theirs = guided("a cat", generator=torch.Generator().manual_seed(7), **STEPS)
    assert np.allclose(ours.image, theirs.images[0], atol=1e-5)
    assert ours.unet_rows == 1 + 2 + 2 + 1


def test_an_identity_is_drawn_without_the_row_too(session, cat):
    whole, ended, halved = (
        session.generate(None, "a red cat", seed=7, delta_bridge=NO_EDITS, **how, **STEPS)
        for how in ({}, dict(callback_on_step_end=stop_guidance), dict(guidance_interval=FIRST_HALF))
    )
    assert whole.unet_rows - ended.unet_rows == whole.unet_rows - halved.unet_rows == 2
    assert np.array_equal(halved.image, ended.image)  # Delta-Bridge and latent transfer act as without guidance


def test_the_whole_of_sampling_is_as_without_it(session, cat):
    plain, whole = (
        session.generate(None, "a red cat", seed=7, delta_bridge=NO_EDITS, **how, **STEPS)
        for how in ({}, dict(guidance_interval=(0, 1)))
    )
    assert np.array_equal(plain.image, whole.image)
    assert plain.unet_rows == whole.unet_rows


def test_a_session_has_its_own_which_its_state_keeps(pipe, tmp_path):
    with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False, guidance_interval=FIRST_HALF) as session:
        own = session.generate(None, "a cat", seed=7, **STEPS, **OFF)
        given = session.generate(None, "a cat", seed=7, guidance_interval=(0, 1), **STEPS, **OFF)
        with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as other:
            other.load_state_dict(session.state_dict())
            assert other.sampling_defaults.guidance_interval == FIRST_HALF
    assert (own.unet_rows, given.unet_rows) == (6, 8)
    assert (own.settings[0]["guidance_interval"], given.settings[0]["guidance_interval"]) == ([0, 0.5], [0, 1])


@pytest.mark.parametrize("given", [(0.5, 0.5), (0.8, 0.2), (0.2, 1.2), (-0.1, 1), (0.5,), 0.5, (True, 1), "01"])
def test_what_is_no_interval_is_refused(session, given):
    with pytest.raises(ConfigError, match=r"guidance_interval=.*0 <= start < end <= 1"):
        session.generate(None, "a cat", guidance_interval=given)
    with pytest.raises(ConfigError, match="guidance_interval="):
        SamplingDefaults(guidance_interval=given)


def test_both_ends():
    scales = [guidance_at(gamma, 5.0, (0.25, 0.75)) for gamma in (0, 0.2, 0.25, 0.5, 0.75, 1)]
    assert scales == [1, 1, 5, 5, 1, 1]
    assert guidance_at(1.0, 5.0, (0.25, 1.0)) == 5
