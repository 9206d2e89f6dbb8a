"""ControlNets, ControlNet-Union and T2I-Adapters steer as in diffusers, bit for bit."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from diffusers import HeunDiscreteScheduler
from fixtures import tiny_control
from fixtures.control_calls import ours, plain

from seal_sdk import Structure
from seal_sdk.backbone.control import ControlArguments
from seal_sdk.errors import ImageError


def numbers(image):
    return torch.as_tensor(image).float()


CASES = {
    "one": ("one", 1, dict(controlnet_conditioning_scale=0.8)),
    "one in a range": ("one", 1, dict(control_guidance_start=0.3, control_guidance_end=0.7)),
    "one guessing": ("one", 1, dict(guess_mode=True, controlnet_conditioning_scale=0.7)),
    "one guessing alone": ("one", 1, dict(guess_mode=True, guidance_scale=1.0)),
    "two": ("two", 2, dict(controlnet_conditioning_scale=[0.8, 0.3])),
    "two in ranges": ("two", 2, dict(control_guidance_start=[0.0, 0.3], control_guidance_end=[0.5, 1.0])),
    "two guessing": ("two", 2, dict(guess_mode=True, control_guidance_start=[0.3, 0.4])),
    "union": ("union", 1, dict(control_mode=2, controlnet_conditioning_scale=0.8)),
    "union in a range": ("union", 1, dict(control_mode=[1], control_guidance_end=[0.7])),
    "union guessing alone": ("union", 1, dict(control_mode=1, guess_mode=True, guidance_scale=1.0)),
    "union of two": ("union", 2, dict(control_mode=[0, 3], controlnet_conditioning_scale=[0.8, 0.4])),
    "union of two in ranges": ("union", 2, dict(control_mode=[0, 3], control_guidance_end=[0.4, 0.7])),
    "two unions": ("two unions", 2, dict(control_mode=[0, 3], controlnet_conditioning_scale=[0.8, 0.4])),
    "two unions in ranges": ("two unions", 2, dict(control_mode=[1, 2], control_guidance_end=[0.4, 0.7])),
    "t2i": ("t2i", 1, dict(adapter_conditioning_scale=0.8)),
    "t2i in a range": ("t2i", 1, dict(adapter_conditioning_factor=0.7)),
    "two t2i": ("two t2i", 2, dict(adapter_conditioning_scale=[0.8, 0.3], adapter_conditioning_factor=0.5)),
}
HALF = ("one guessing", "two", "union", "two t2i")


@pytest.mark.parametrize(
    "case, precision",
    [*((case, "fp32") for case in CASES), *((case, precision) for case in HALF for precision in ("bf16", "fp16"))],
)
def test_it_steers_as_in_diffusers(session_with, images, case, precision):
    kind, count, arguments = CASES[case]
    session = session_with(kind, precision)
    structure = images[0] if count == 1 else images
    arguments = arguments if precision == "fp32" else {**arguments, "output_type": "latent", "num_inference_steps": 2}
    drawn = ours(session, structure, **arguments)
    expected = plain(session, image=images[0] if kind in ("one", "t2i") else list(images[:count]), **arguments)
    assert torch.equal(numbers(drawn.image), numbers(expected))
    settings = {name: arguments[name] for name in arguments if name in ControlArguments().__dict__}
    assert json.loads(json.dumps(drawn.settings[0])).items() >= settings.items()
    without = {name: value for name, value in arguments.items() if name not in settings}
    assert not torch.allclose(numbers(drawn.image), numbers(ours(session, None, **without).image), atol=1e-3)


@pytest.mark.parametrize("kind", ["one", "two", "union", "t2i"])
def test_tensors_are_seen_as_they_are(session_with, kind):
    """Also numbers that are no colours, such as the -1 that marks what a ControlNet for inpainting is to paint."""
    session, numbers_given = (
        session_with(kind),
        torch.randn(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(5)),
    )
    arguments = dict(control_mode=1) if kind == "union" else {}
    structure = tuple(numbers_given) if kind == "two" else numbers_given[0]
    drawn = ours(session, structure, **arguments)
    expected = plain(session, image=list(numbers_given) if kind == "two" else numbers_given[0], **arguments)
    assert torch.equal(numbers(drawn.image), numbers(expected))
    with pytest.raises(ImageError, match=r"expected \[0, 1\]"):
        ours(session, structure[0] if kind == "two" else structure, structure_control=Structure(control="inject"))


@pytest.mark.parametrize("kind, images_wanted", [("one", 1), ("two", 2), ("t2i", 1)])
def test_with_no_arguments_the_settings_count(open_session, images, kind, images_wanted):
    session = open_session(kind, structure=Structure(control="controlnet", scale=0.6))
    structure = images[0] if images_wanted == 1 else images
    scale = {"t2i": "adapter_conditioning_scale"}.get(kind, "controlnet_conditioning_scale")
    expected = plain(session, image=list(images) if kind == "two" else images[0], **{scale: 0.6})
    assert np.array_equal(ours(session, structure).image, expected)
    never = ours(session, structure, structure_control=Structure(control="controlnet", end=0.0))
    assert np.array_equal(never.image, ours(session, None).image)


def test_an_adapter_counts_steps_as_diffusers_does(open_session, images):
    """A scheduler of second order makes nearly two timesteps of each step."""
    session = open_session("t2i")
    session.pipe.scheduler = HeunDiscreteScheduler.from_config(session.pipe.scheduler.config)
    for arguments in (dict(), dict(adapter_conditioning_factor=0.7)):
        assert np.array_equal(ours(session, images[0], **arguments).image, plain(session, image=images[0], **arguments))


def test_an_adapter_of_one_channel_sees_grey(open_session, images):
    session = open_session("t2i", controlnet=tiny_control.t2i_adapter(1, in_channels=1))
    grey = images[0].convert("L")
    assert np.array_equal(ours(session, grey).image, plain(session, image=grey))


def test_guess_mode_of_a_union_spares_the_unconditional_row(open_session, images):
    """diffusers cannot do this with guidance; at a guidance of 0 only that row counts."""
    session = open_session("union")
    how = dict(control_mode=1, guess_mode=True)
    seen = []
    session.pipe.unet.register_forward_pre_hook(
        lambda _, args, given: seen.append(given.get("mid_block_additional_residual")), with_kwargs=True
    )
    ours(session, images[0], num_inference_steps=1, **how)
    guided = seen.pop()
    assert not guided[0].any() and guided[1].any()
    ours(session, images[0], num_inference_steps=1, guidance_scale=1.0, **how)
    assert torch.equal(seen.pop()[0], guided[1])


def test_the_features_of_an_adapter_are_computed_once(open_session, images):
    session, calls = open_session("t2i"), []
    session.backbone.controlnet.register_forward_pre_hook(lambda *_: calls.append(1))
    ours(session, images[0], num_images_per_prompt=2)
    assert calls == [1]
