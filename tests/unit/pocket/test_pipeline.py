"""The embedded pipeline: its files, what it draws, and its VAE and tokenizer."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.pocket import ASSETS, PIPELINE_FOLDER, world
from seal_sdk.pocket.design import SHIPPED
from seal_sdk.pocket.train.vae import LATENT_STD, psnr, reconstruct


@pytest.fixture(scope="module")
def pipe():
    pipeline = StableDiffusionXLPipeline.from_pretrained(PIPELINE_FOLDER, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def test_assets_fit_into_40_mb():
    assert sum(path.stat().st_size for path in ASSETS.rglob("*") if path.is_file()) <= 40 * 2**20


def test_it_is_called_pocket(tmp_path):
    with IdentitySession("pocket", store=tmp_path) as session:
        assert session.backbone.name == "pocket"


def test_plain_diffusers_draws_with_it(pipe):
    images = pipe(
        "a photo of a cat on snow",
        num_inference_steps=8,
        guidance_scale=4.0,
        generator=torch.Generator().manual_seed(0),
    ).images
    assert images[0].size == (128, 128) and np.asarray(images[0]).std() > 10


def test_prompts_decide_the_scene(pipe):
    """Snow is bright and night is dark: the border of what is drawn follows the prompt."""

    def brightness(prompt):
        generator = [torch.Generator().manual_seed(seed) for seed in range(2)]
        drawn = pipe(
            [prompt] * 2, num_inference_steps=8, guidance_scale=4.0, generator=generator, output_type="np"
        ).images
        return float(drawn[:, :16].mean())

    assert brightness("a photo of a dog on snow") > brightness("a photo of a dog at night") + 0.2


def test_vae_rebuilds_held_out_images(pipe, held_out_pixels):
    means = {}
    for kind in world.KINDS:
        pixels = held_out_pixels(8, kind)
        means[kind] = float(psnr(pixels, reconstruct(pipe.vae, pixels)).mean())
    assert means["photo"] >= 30 and np.mean(list(means.values())) >= 30, means


def test_latents_have_the_spread_that_the_unet_was_trained_on(pipe, held_out_pixels):
    pixels = held_out_pixels(24)
    with torch.no_grad():
        latents = pipe.vae.encode(pixels).latent_dist.mode() * pipe.vae.config.scaling_factor
    ratio = latents.std(dim=(0, 2, 3)) / torch.tensor(LATENT_STD)
    assert ratio.min() > 0.6 and ratio.max() < 1.4 and latents.mean().abs() < 0.3


def test_the_first_latents_are_a_small_picture(pipe, held_out_pixels):
    """What makes them easy to denoise."""
    pixels = held_out_pixels(8)
    with torch.no_grad():
        latents = pipe.vae.encode(pixels).latent_dist.mode()
    small = torch.nn.functional.avg_pool2d(pixels, SHIPPED.vae_factor)
    for channel in range(3):
        pair = torch.stack([latents[:, channel].flatten(), small[:, channel].flatten()])
        assert torch.corrcoef(pair)[0, 1] > 0.95


def test_half_precision_decodes_like_single(pipe, held_out_pixels):
    pixels = held_out_pixels(4)
    half = copy.deepcopy(pipe.vae).to(torch.bfloat16)
    rebuilt = reconstruct(half, pixels.bfloat16()).float()
    assert not pipe.vae.config.force_upcast and psnr(rebuilt, reconstruct(pipe.vae, pixels)).mean() > 30


def test_identity_can_enter_mid_and_up_blocks(pipe):
    layers = [name for name in pipe.unet.attn_processors if "attn1" in name]
    assert all(any(name.startswith(block) for name in layers) for block in ("mid_block", "up_blocks.0", "up_blocks.1"))


def test_any_text_has_tokens(pipe):
    ids = pipe.tokenizer("a Zürich cat, 猫").input_ids
    assert ids[0] == pipe.tokenizer.bos_token_id and ids[-1] == pipe.tokenizer.eos_token_id
    assert pipe.tokenizer.tokenize("a striped orange cat") == ["a</w>", "striped</w>", "orange</w>", "cat</w>"]


@pytest.mark.parametrize("dtype", [None, torch.bfloat16], ids=["no-dtype", "bf16"])
def test_plain_diffusers_draws_with_the_folder_as_it_is(tmp_path, dtype):
    """Loaded without a dtype, transformers keeps the files' own and diffusers takes fp32: they have to be the same."""
    pipeline = StableDiffusionXLPipeline.from_pretrained(PIPELINE_FOLDER, **{"dtype": dtype} if dtype else {})
    pipeline.set_progress_bar_config(disable=True)
    arguments = dict(num_inference_steps=4, guidance_scale=2.0)
    theirs = pipeline("a photo of a cat", generator=torch.Generator().manual_seed(1), output_type="np", **arguments)
    off = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
    precision = "bf16" if dtype else "fp32"
    with IdentitySession("pocket", store=tmp_path, precision=precision, enable_progress_bar=False) as session:
        ours = session.generate(None, "a photo of a cat", seed=1, output_type="np", **arguments, **off)
    assert np.array_equal(ours.image, theirs.images[0])
