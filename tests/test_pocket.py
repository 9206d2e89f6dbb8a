"""The embedded model's assets, and the recipes that train it."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.pocket import ASSETS, PIPELINE_FOLDER, world
from seal_sdk.pocket.models import LATENT_CHANNELS, VAE_FACTOR, build_vae
from seal_sdk.pocket.sam import build_sam
from seal_sdk.pocket.train.data import TrainingSet, render_set
from seal_sdk.pocket.train.export import export
from seal_sdk.pocket.train.loop import Recipe, Training, averaged
from seal_sdk.pocket.train.sam import train_sam
from seal_sdk.pocket.train.tokenizer import build_tokenizer
from seal_sdk.pocket.train.unet import train_unet
from seal_sdk.pocket.train.vae import (
    SPREAD,
    normalise_latents,
    psnr,
    reconstruct,
    to_pixels,
    train_vae,
    write_latents,
)

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pipe():
    pipeline = StableDiffusionXLPipeline.from_pretrained(PIPELINE_FOLDER, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def held_out(count, kind="photo"):
    for seed in range(500_000, 500_000 + count):
        sample = world.sample(seed)
        yield sample, world.render(sample.identity, sample.pose, sample.scene, kind=kind)


def test_assets_fit_into_40_mb():
    assert sum(path.stat().st_size for path in ASSETS.rglob("*") if path.is_file()) <= 40 * 2**20


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


def test_vae_rebuilds_held_out_images(pipe):
    means = {}
    for kind in world.KINDS:
        pixels = to_pixels(np.stack([drawn.image for _, drawn in held_out(8, kind)]))
        means[kind] = float(psnr(pixels, reconstruct(pipe.vae, pixels)).mean())
    assert means["photo"] >= 30 and np.mean(list(means.values())) >= 30, means


def test_latents_have_the_spread_that_the_unet_was_trained_on(pipe):
    pixels = to_pixels(np.stack([drawn.image for _, drawn in held_out(24)]))
    with torch.no_grad():
        latents = pipe.vae.encode(pixels).latent_dist.mode() * pipe.vae.config.scaling_factor
    ratio = latents.std(dim=(0, 2, 3)) / torch.tensor(SPREAD)
    assert ratio.min() > 0.6 and ratio.max() < 1.4 and latents.mean().abs() < 0.3


def test_the_first_latents_are_a_small_picture(pipe):
    """What makes them easy to denoise."""
    pixels = to_pixels(np.stack([drawn.image for _, drawn in held_out(8)]))
    with torch.no_grad():
        latents = pipe.vae.encode(pixels).latent_dist.mode()
    small = torch.nn.functional.avg_pool2d(pixels, VAE_FACTOR)
    for channel in range(3):
        pair = torch.stack([latents[:, channel].flatten(), small[:, channel].flatten()])
        assert torch.corrcoef(pair)[0, 1] > 0.95


def test_half_precision_decodes_like_single(pipe):
    pixels = to_pixels(np.stack([drawn.image for _, drawn in held_out(4)]))
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


def test_normalising_latents_keeps_the_images():
    torch.manual_seed(0)
    vae = build_vae()
    pixels = to_pixels(np.stack([drawn.image for _, drawn in held_out(4)]))
    before = reconstruct(vae, pixels)
    normalise_latents(vae, pixels)
    latents = vae.encode(pixels).latent_dist.mode()
    assert torch.allclose(reconstruct(vae, pixels), before, atol=1e-3)
    assert latents.mean(dim=(0, 2, 3)).abs().max() < 1e-3
    assert torch.allclose(latents.std(dim=(0, 2, 3)), torch.tensor(SPREAD), atol=1e-3)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    render_set(folder, 520, 1)
    build_tokenizer(folder)
    return folder


def test_every_stage_runs_and_exports_a_pipeline(run_folder, tmp_path):
    tiny = Recipe(learning_rate=1e-3, batch=2, steps=2)
    train_vae(run_folder, tiny, CPU)
    train_sam(run_folder, tiny, CPU)
    write_latents(run_folder, CPU)
    train_unet(run_folder, tiny, CPU)
    export(run_folder, tmp_path)
    pipe = StableDiffusionXLPipeline.from_pretrained(tmp_path / "pipeline")
    assert pipe.unet.dtype == torch.float16 or pipe.unet.dtype == torch.float32
    assert len(TrainingSet.open(run_folder)) == 20


def test_the_unets_training_resumes_bit_equally(run_folder, tmp_path):
    """The latents need not be the VAE's for this."""
    averages = []
    for name, lengths in (("whole", (2,)), ("broken", (1, 2))):
        folder = tmp_path / name
        shutil.copytree(run_folder, folder, ignore=shutil.ignore_patterns("*.pt", "vae"))
        latents = np.random.default_rng(0).standard_normal((520, LATENT_CHANNELS, 32, 32)).astype(np.float16)
        np.save(folder / "latents.npy", latents)
        for steps in lengths:
            train_unet(folder, Recipe(learning_rate=1e-3, batch=2, steps=steps, flat=0.99), CPU)
        averages.append(averaged(folder / "unet.pt"))
    assert all(torch.equal(averages[1][name], tensor) for name, tensor in averages[0].items())


def test_a_resumed_training_equals_an_unbroken_one(tmp_path):
    data = torch.randn(8, 4)

    def loss(model, step):
        return (model(data + torch.randn_like(data)) - data).square().mean()

    def train(checkpoint, steps):
        torch.manual_seed(0)
        training = Training(
            torch.nn.Linear(4, 4),
            Recipe(learning_rate=1e-2, batch=8, steps=steps, warmup=1, flat=0.99),
            checkpoint,
            CPU,
        )
        training.run(loss)
        return training

    whole = train(tmp_path / "whole.pt", 10)
    half = train(tmp_path / "half.pt", 5)
    assert half.step == 5
    resumed = train(tmp_path / "half.pt", 10)
    assert resumed.step == 10
    assert all(torch.equal(resumed.average[name], tensor) for name, tensor in whole.average.items())


TWO_PROCESSES = """
import sys, torch
from pathlib import Path
from torch import distributed
from seal_sdk.pocket.train.loop import Recipe, Training

training = Training(torch.nn.Linear(4, 4), Recipe(1e-2, batch=8, steps=5, warmup=1), Path(sys.argv[1]), torch.device("cpu"))
training.run(lambda model, seed: (model(torch.randn(8, 4)) - 1).square().mean())
weights = [torch.zeros(4, 4) for _ in range(2)]
distributed.all_gather(weights, training.model.weight.detach())
Path(f"{sys.argv[1]}.{training.rank}.txt").write_text(f"{torch.equal(*weights)} {training.step}")
distributed.barrier()  # neither ends while the other still talks to it
"""


def test_two_processes_train_one_model(tmp_path):
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, script, tmp_path / "x.pt"], capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert [(tmp_path / f"x.pt.{rank}.txt").read_text() for rank in (0, 1)] == ["True 5"] * 2
    assert (tmp_path / "x.pt").is_file()


def test_the_training_seeds_are_not_the_held_out_ones(run_folder):
    with pytest.raises(ValueError, match="400000"):
        render_set(run_folder, 400_001, 1)


def test_sam_is_segment_anythings_own(reference_image):
    sam = build_sam()
    image = torch.as_tensor(np.asarray(reference_image.convert("RGB"))).permute(2, 0, 1).float()
    point = (torch.tensor([[[64.0, 64.0]]]), torch.ones(1, 1))
    asked = [{"image": image, "original_size": (128, 128), "point_coords": point[0], "point_labels": point[1]}]
    with torch.no_grad():
        assert sam(asked, multimask_output=True)[0]["masks"].shape == (1, 3, 128, 128)


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
