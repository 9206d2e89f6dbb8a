"""Whatever can change K/V changes the recipe; what cannot, does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from seal_sdk import Appearance, IdentitySession
from seal_sdk.backbone.fingerprint import Fingerprints, fingerprint
from seal_sdk.backbone.layers import self_attention_layers
from seal_sdk.recipe import array_specs, attention_backend, build_recipe, model_recipe, to_arrays, to_key_values
from store import recipe_key

BOX = (20.0, 20.0, 100.0, 110.0)


@pytest.fixture
def given(tiny_pipeline, reference_image):
    pipe = tiny_pipeline()
    layers = self_attention_layers(pipe.unet, ("mid", "up"))
    return dict(
        image=reference_image,
        prompt="a photo of a cat",
        subject={"box": list(BOX)},
        model=model_recipe(pipe, Fingerprints()),
        scheduler=pipe.scheduler,
        timesteps=(800, 200),
        layers=layers,
        appearance=Appearance(),
        dtype=torch.float32,
        backend=attention_backend(layers),
    )


def test_every_argument_changes_the_key(given, tiny_pipeline):
    other = tiny_pipeline(seed=1)
    pixels = np.asarray(given["image"]).copy()
    pixels[0, 0, 0] ^= 1
    changes = dict(
        image=Image.fromarray(pixels),
        prompt="a photo of a dog",
        subject={"box": [20.0, 20.0, 100.0, 111.0]},
        model=model_recipe(other, Fingerprints()),
        scheduler=type(other.scheduler).from_config(other.scheduler.config, beta_end=0.013),
        timesteps=(800, 201),
        layers=given["layers"][:-1],
        appearance=replace(given["appearance"], latents="clean"),
        dtype=torch.float16,
        backend="other",
    )
    assert set(changes) == set(given)
    keys = {recipe_key(build_recipe(**{**given, name: value})) for name, value in changes.items()}
    assert len(keys | {recipe_key(build_recipe(**given))}) == len(given) + 1


def test_settings_of_generation_do_not_change_it(given):
    other = {**given, "appearance": replace(given["appearance"], delta=1.0, tau=0.5, top_k=4, rows="cond")}
    assert recipe_key(build_recipe(**other)) == recipe_key(build_recipe(**given))


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "text_encoder_2"])
def test_one_changed_weight_changes_the_model(tiny_pipeline, part):
    pipe, known = tiny_pipeline(), Fingerprints()
    before = model_recipe(pipe, known)
    assert model_recipe(tiny_pipeline(), Fingerprints()) == before
    with torch.no_grad():
        next(getattr(pipe, part).parameters()).view(-1)[0] += 1e-3
    after = model_recipe(pipe, known)
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
