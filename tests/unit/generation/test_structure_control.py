"""Structure: injection from the structure row, and a ControlNet instead."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, StableDiffusionXLControlNetPipeline
from fixtures.pipeline_states import with_unet

from seal_sdk import Alignment, Appearance, DeltaBridge, IdentitySession, Structure
from seal_sdk.errors import ConfigError, UnsupportedModel, WeightsNotFound
from seal_sdk.generation.settings import structure_for

OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0), alignment=Alignment(enabled=False))
FAST = dict(num_inference_steps=3, guidance_scale=4.0, seed=1, output_type="np")


@pytest.fixture
def controlnet(tiny_pipeline):
    torch.manual_seed(5)
    net = ControlNetModel.from_unet(tiny_pipeline().unet, conditioning_embedding_out_channels=(8, 16, 32))
    with torch.no_grad():
        for parameter in net.parameters():  # a new one is all zeros at its outputs
            parameter.add_(0.02 * torch.randn_like(parameter))
    return net


def test_injection_changes_the_image_within_its_time(tiny_pipeline, tmp_path, structure_image):
    session = IdentitySession(tiny_pipeline(), store=tmp_path, **OFF)

    def draw(**settings):
        return session.generate(structure_image, "a cat", structure_control=Structure(**settings), **FAST)

    without = session.generate(None, "a cat", **FAST)
    never, none, half, full = draw(end=0.0), draw(scale=0.0), draw(scale=0.5), draw(end=1.0)
    assert np.array_equal(never.image, without.image)
    assert np.allclose(none.image, without.image, atol=1e-4)
    assert not np.allclose(half.image, full.image, atol=1e-3) and not np.allclose(full.image, without.image, atol=1e-3)
    assert full.unet_rows == 9 and never.unet_rows == 6


@pytest.mark.parametrize(
    ("side", "features", "end"),
    [(32, ("up_blocks.0.resnets.0", "up_blocks.0.resnets.1"), 1.0), (64, ("up_blocks.0.resnets.0",), 0.6)],
)
def test_small_and_large_models_have_defaults_of_their_own(tiny_pipeline, tmp_path, side, features, end):
    """Large ones those of Ctrl-X."""
    backbone = IdentitySession(with_unet(tiny_pipeline(), sample_size=side), store=tmp_path, **OFF).backbone
    assert structure_for(backbone, Structure()) == Structure("inject", end, 1.0, features, ("up0",))
    given = Structure(end=0.3, features="mid_block", attention="mid")
    assert structure_for(backbone, given) == given


def test_a_controlnet_is_on_until_the_end_of_any_model(tiny_pipeline, tmp_path, controlnet):
    pipe = with_unet(tiny_pipeline(), sample_size=64)
    backbone = IdentitySession(pipe, store=tmp_path, controlnet=controlnet, **OFF).backbone
    assert structure_for(backbone, Structure(control="controlnet")).end == 1.0


def test_a_controlnet_steers_as_in_diffusers(tiny_pipeline, tmp_path, structure_image, controlnet):
    pipe = tiny_pipeline()
    session = IdentitySession(pipe, store=tmp_path, controlnet=controlnet, **OFF)
    ours = session.generate(
        structure_image, "a cat", structure_control=Structure(control="controlnet", end=1.0, scale=0.8), **FAST
    )
    theirs = StableDiffusionXLControlNetPipeline(**pipe.components, controlnet=controlnet, add_watermarker=False)
    theirs.set_progress_bar_config(disable=True)
    expected = theirs(
        "a cat",
        image=structure_image,
        num_inference_steps=3,
        guidance_scale=4.0,
        controlnet_conditioning_scale=0.8,
        generator=torch.Generator().manual_seed(1),
        output_type="np",
    ).images[0]
    plain = session.generate(None, "a cat", **FAST)
    assert np.allclose(ours.image, expected, atol=1e-5) and not np.allclose(ours.image, plain.image, atol=1e-3)


def test_a_missing_controlnet_is_told(tiny_pipeline, tmp_path, structure_image):
    with pytest.raises(WeightsNotFound, match="controlnet="):
        IdentitySession(tiny_pipeline(), store=tmp_path, controlnet=str(tmp_path / "nothing"))
    session = IdentitySession(tiny_pipeline(), store=tmp_path, **OFF)
    with pytest.raises(ConfigError, match="controlnet="):
        session.generate(structure_image, "a cat", structure_control=Structure(control="controlnet"), **FAST)


@pytest.mark.parametrize(
    "features, told", [("up_blocks.0.attentions.1", "not a tensor"), ("up_blocks.9", "no .*up_blocks.9")]
)
def test_modules_that_cannot_be_injected_are_told(tiny_pipeline, tmp_path, structure_image, features, told):
    session = IdentitySession(tiny_pipeline(), store=tmp_path, **OFF)
    with pytest.raises(UnsupportedModel, match=told):
        session.generate(structure_image, "a cat", structure_control=Structure(features=features), **FAST)
    session.generate(None, "a cat", **FAST)  # no hook was left
