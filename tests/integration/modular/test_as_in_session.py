"""Identities in diffusers' modular pipelines: the blocks draw what the session draws, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import ClassifierFreeGuidance, HeunDiscreteScheduler
from fixtures import tiny_control
from fixtures.modular_studio import ALL, PRECISIONS, REGION, SMALL, seeded

from seal_sdk import Appearance, DeltaBridge, IdentitySession, Structure
from seal_sdk.modular import DeltaBridgeGuidance


@pytest.mark.parametrize("in_precision", PRECISIONS, indirect=True)
def test_the_blocks_draw_what_the_session_draws(in_precision):
    how = dict(identity={in_precision.cat: (5, 5, 50, 60)}, appearance=ALL, **SMALL)
    session = in_precision.draw_in_session(delta_bridge=DeltaBridge(override=0), **how)
    ours = in_precision.draw(guider=DeltaBridgeGuidance(4.0, override=0), **how)
    assert torch.equal(ours, session)
    assert not torch.allclose(ours, in_precision.draw(**SMALL), atol=1e-2)


@pytest.mark.parametrize(
    ("settings", "guidance"),
    [
        (dict(base="app", end=1.0, low_pass=1), {}),
        (dict(strength=0), dict(guidance_rescale=0.7)),
        (dict(quality="masterpiece", override=0, region="image"), dict(guidance_scale=1.0)),
        (dict(strength=0.2), dict(guidance_interval=(0.4, 0.8))),  # the second of three steps
    ],
    ids=lambda given: "-".join(given),
)
def test_every_setting_of_delta_bridge_means_what_it_means_in_the_session(studio, settings, guidance):
    start, stop = guidance.get("guidance_interval", (0.0, 1.0))
    own = {name: value for name, value in guidance.items() if name != "guidance_interval"}
    guider = DeltaBridgeGuidance(**{"guidance_scale": 4.0, **own}, **settings, start=start, stop=stop)
    how = dict(identity=studio.cat, appearance=Appearance(tau=-1.0, rows="cond", gating="subject"))
    session = studio.draw_in_session(delta_bridge=DeltaBridge(**settings), **how, **guidance)
    assert torch.equal(studio.draw(guider=guider, **how), session)


def test_pictures_and_second_order_schedulers_are_the_sessions_too(studio):
    studio.pipe.scheduler = HeunDiscreteScheduler.from_config(studio.pipe.scheduler.config)
    arguments = dict(identity=studio.cat, appearance=ALL, num_inference_steps=2)
    session = studio.session.generate(None, "a red cat", seed=3, guidance_scale=4.0, output_type="np", **arguments)
    ours = studio.modular()(prompt="a red cat", generator=seeded(3), output_type="np", output="images", **arguments)
    assert np.array_equal(ours[0], session.image)


def test_infusion_works_with_diffusers_own_guidance(studio):
    guider = ClassifierFreeGuidance(guidance_scale=4.0)
    session = studio.draw_in_session(identity=studio.cat, appearance=ALL, delta_bridge=DeltaBridge(strength=0))
    assert torch.equal(studio.draw(guider=guider, identity=studio.cat, appearance=ALL), session)


def test_a_controlnet_steers_as_in_the_session(studio, structure_image):
    net = tiny_control.controlnet(studio.pipe.unet)
    session = IdentitySession(studio.pipe, store=studio.session.store, controlnet=net, enable_progress_bar=False)
    drawn = session.generate(
        structure_image,
        "a red cat",
        identity={studio.cat: REGION},
        seed=3,
        num_inference_steps=3,
        guidance_scale=4.0,
        output_type="latent",
        appearance=ALL,
        structure_control=Structure(control="controlnet"),
    )
    given = dict(identity={studio.cat: REGION}, appearance=ALL, control_image=structure_image)
    ours = studio.draw(components=dict(controlnet=net), **given)
    assert torch.allclose(ours, drawn.images[0], atol=1e-4)  # its pixels are scaled to [-1, 1] and back in the session
