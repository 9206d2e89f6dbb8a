"""Whatever can change K/V changes the recipe; what cannot, does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor
from PIL import Image

from seal_sdk import Appearance, IdentitySession
from seal_sdk.backbone.attention import self_attention_layers
from seal_sdk.backbone.fingerprint import fingerprint
from seal_sdk.backbone.sdxl import SDXLBackbone
from seal_sdk.kv_cache.encoding import array_specs, to_arrays, to_key_values
from seal_sdk.registration.recipe import CaptureSettings, build_recipe
from seal_sdk.registration.reference import Reference
from store import recipe_key

BOX = (20.0, 20.0, 100.0, 110.0)


@pytest.fixture
def pipe(tiny_pipeline):
    return tiny_pipeline()


def recipe(pipe, image, *, prompt="a photo of a cat", subject=None, timesteps=(800, 200), layers=None, **appearance):
    backbone = SDXLBackbone(pipe)
    chosen = backbone.self_attention_layers(("mid", "up"))[:layers]
    settings = CaptureSettings(timesteps, chosen, Appearance(**appearance))
    return build_recipe(backbone, Reference(image, prompt), subject or {"box": list(BOX)}, settings)


def one_pixel_off(image):
    pixels = np.asarray(image).copy()
    pixels[0, 0, 0] ^= 1
    return Image.fromarray(pixels)


def test_everything_that_can_change_k_or_v_changes_the_key(pipe, tiny_pipeline, reference_image):
    other_schedule, other_kernel, tiled = tiny_pipeline(), tiny_pipeline(), tiny_pipeline()
    other_schedule.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config, beta_end=0.013)
    other_kernel.unet.set_attn_processor(AttnProcessor())
    tiled.vae.enable_tiling()
    recipes = [
        recipe(pipe, reference_image),
        recipe(pipe, one_pixel_off(reference_image)),
        recipe(pipe, reference_image, prompt="a photo of a dog"),
        recipe(pipe, reference_image, subject={"box": [20.0, 20.0, 100.0, 111.0]}),
        recipe(pipe, reference_image, timesteps=(800, 201)),
        recipe(pipe, reference_image, layers=-1),
        recipe(pipe, reference_image, latents="clean"),
        recipe(pipe, reference_image, tokens="all"),
        recipe(pipe, reference_image, quantization="none"),
        recipe(pipe, reference_image.resize((128, 96))),
        recipe(tiny_pipeline(seed=1), reference_image),
        recipe(other_schedule, reference_image),
        recipe(other_kernel, reference_image),
        recipe(tiled, reference_image),
        recipe(tiny_pipeline().to(dtype=torch.float16), reference_image),
    ]
    assert len({recipe_key(each) for each in recipes}) == len(recipes)
    assert all(set(each) == set(recipes[0]) for each in recipes)


def test_every_field_of_the_recipe_changes_the_key(pipe, reference_image):
    known = recipe(pipe, reference_image)
    for field in known:
        assert recipe_key({**known, field: "something else"}) != recipe_key(known), field


def test_settings_of_generation_do_not_change_it(pipe, reference_image):
    other = recipe(pipe, reference_image, delta=1.0, tau=0.5, top_k=4, rows="cond")
    assert recipe_key(other) == recipe_key(recipe(pipe, reference_image))


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "text_encoder_2"])
def test_one_changed_weight_changes_the_model(tiny_pipeline, part):
    pipe = tiny_pipeline()
    backbone = SDXLBackbone(pipe)
    before = backbone.fingerprint()
    assert SDXLBackbone(tiny_pipeline()).fingerprint() == before
    with torch.no_grad():
        next(getattr(pipe, part).parameters()).view(-1)[0] += 1e-3
    after = backbone.fingerprint()
    assert {name for name in before if before[name] != after[name]} == {part}


def test_precision_is_part_of_the_model(tiny_pipeline):
    unet = tiny_pipeline().unet
    assert fingerprint(unet) != fingerprint(unet.half())


def test_a_session_misses_when_the_model_or_the_mask_differs(tiny_pipeline, tmp_path, reference_image):
    digests = []
    for seed, box in ((0, BOX), (0, (10, 10, 100, 110)), (1, BOX)):
        session = IdentitySession(tiny_pipeline(seed), store=tmp_path, enable_progress_bar=False)
        digests.append(session.register(reference_image, prompt="a cat", name="cat", box=box).digest)
    assert len(set(digests)) == 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_key_values_survive_the_store_bit_for_bit(tiny_pipeline, dtype):
    layers = self_attention_layers(tiny_pipeline().unet, ("mid", "up"))
    shapes = {layer.name: ((64, 64) if layer.group != "up1" else (256, 64)) for layer in layers}
    step = {name: (torch.randn(shape).to(dtype), torch.randn(shape).to(dtype)) for name, shape in shapes.items()}
    specs = array_specs(layers, shapes, 1, dtype)
    back = to_key_values(to_arrays(step, specs), specs, torch.device("cpu"), dtype)
    assert list(back) == [layer.name for layer in layers]
    assert all(torch.equal(a, b) for name in step for a, b in zip(step[name], back[name], strict=True))
