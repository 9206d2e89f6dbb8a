"""Offloading moves the weights and changes nothing: the same model, the same picture, and its weights are hashed once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fixtures.pipeline_states import (
    block_offload,
    layerwise_casting,
    leaf_offload,
    model_offload,
    modules,
    sequential_offload,
)

from seal_sdk import IdentitySession
from seal_sdk.backbone import fingerprint as hashing
from seal_sdk.backbone.fingerprint import fingerprint
from seal_sdk.backbone.sdxl import SDXLBackbone
from seal_sdk.errors import UnsupportedModel

BOX = (20.0, 20.0, 100.0, 110.0)
HOW = dict(prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
OFFLOADED = [model_offload, sequential_offload, block_offload, leaf_offload]


@pytest.fixture
def hashed(monkeypatch):
    """The modules whose weights were hashed."""
    seen = []

    def counted(module):
        seen.append(module)
        return fingerprint(module)

    monkeypatch.setattr(hashing, "fingerprint", counted)
    return seen


def draw(session, prompt="a red cat"):
    return session.generate(None, prompt, num_inference_steps=2, guidance_scale=4.0, seed=1, output_type="np").image


def open_session(pipe, folder):
    pipe.set_progress_bar_config(disable=True)
    return IdentitySession(pipe, store=folder, enable_progress_bar=False)


@pytest.mark.parametrize("offload", OFFLOADED)
def test_an_identity_is_found_and_drawn_as_without_offload(tiny_pipeline, tmp_path, reference_image, hashed, offload):
    with open_session(tiny_pipeline(), tmp_path) as session:
        registered = session.register(reference_image, **HOW)
        expected = draw(session)
    hashed.clear()
    pipe = offload(tiny_pipeline())
    with open_session(pipe, tmp_path) as session:
        identity = session.register(reference_image, **HOW)
        assert identity.digest == registered.digest
        for _ in range(2):
            assert np.array_equal(draw(session), expected)
    assert hashed == [pipe.unet, pipe.vae, pipe.text_encoder, pipe.text_encoder_2]


@pytest.mark.parametrize("offload", [lambda pipe: pipe, *OFFLOADED])
def test_a_vae_that_is_upcast_gives_the_same_latents_and_is_hashed_once(
    tiny_pipeline, reference_image, hashed, offload
):
    expected = SDXLBackbone(tiny_pipeline().to(torch.float16)).encode_image(reference_image)
    backbone = SDXLBackbone(offload(tiny_pipeline().to(torch.float16)))
    before = backbone.fingerprint()
    assert torch.equal(backbone.encode_image(reference_image), expected)
    assert backbone.fingerprint() == before and len(hashed) == 4


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
@pytest.mark.parametrize("offload", OFFLOADED)
def test_changed_weights_are_seen(tiny_pipeline, offload, part):
    pipe = offload(tiny_pipeline())
    backbone = SDXLBackbone(pipe)
    before = backbone.fingerprint()
    module = getattr(pipe, part)
    owner = next(each for each in module.modules() if "weight" in each._parameters)
    weight = owner._hf_hook.weights_map["weight"] if owner.weight.is_meta else owner.weight
    with torch.no_grad():
        weight.view(-1)[1] += 1e-3  # no value that a stamp looks at: the weight's version has changed
    after = backbone.fingerprint()
    assert {name for name in before if before[name] != after[name]} == {part}


def test_other_weights_in_the_same_parameters_are_seen(tiny_pipeline):
    unet = tiny_pipeline().unet
    before = hashing.stamp(unet)
    weight = unet.conv_in.weight
    weight.data = weight.data.clone()
    assert hashing.stamp(unet) == before
    weight.data = weight.data * 1.001
    assert hashing.stamp(unet) != before


def test_a_tensor_in_another_memory_format_is_sampled_without_a_copy_of_it(tiny_pipeline):
    weight = torch.arange(8 * 4 * 3 * 3.0).view(8, 4, 3, 3).to(memory_format=torch.channels_last)
    sample = hashing._sample(weight).view(torch.float32)
    in_memory = weight.permute(0, 2, 3, 1).reshape(-1)
    assert torch.equal(sample, in_memory[::18])


@pytest.mark.parametrize("compute_dtype", [torch.float32, torch.bfloat16])
def test_the_dtype_that_a_cast_layer_computes_in_is_part_of_the_model(tiny_pipeline, compute_dtype):
    unet = layerwise_casting(tiny_pipeline().to(compute_dtype), compute_dtype).unet
    other = layerwise_casting(tiny_pipeline().to(compute_dtype), torch.float16).unet
    again = layerwise_casting(tiny_pipeline().to(compute_dtype), compute_dtype).unet
    assert fingerprint(unet) == fingerprint(again) != fingerprint(other)


def test_a_vae_that_would_lose_its_upcast_is_refused(tiny_pipeline, tmp_path, reference_image):
    pipe = block_offload(tiny_pipeline().to(torch.float16))
    hook = next(
        part._diffusers_hook.get_hook("group_offloading")
        for part in pipe.vae.modules()
        if hasattr(part, "_diffusers_hook")
    )
    hook.group.stream = object()  # use_stream=True, which needs a GPU
    with open_session(pipe, tmp_path) as session, pytest.raises(UnsupportedModel, match="exclude_modules='vae'"):
        session.register(reference_image, **HOW)


def test_placeholders_are_named_with_the_part_that_has_them(tiny_pipeline, tmp_path, reference_image):
    pipe = sequential_offload(tiny_pipeline())
    assert all(next(part.parameters()).is_meta for _, part in modules(pipe))
    SDXLBackbone(pipe).check_ready()
    pipe.text_encoder._hf_hook.hooks = ()
    pipe.vae = tiny_pipeline().vae.to("meta")
    with open_session(pipe, tmp_path) as session, pytest.raises(UnsupportedModel, match=r"pipe\.vae have no values"):
        session.register(reference_image, **HOW)
