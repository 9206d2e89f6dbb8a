"""All stages of the training, from the rendered set to the exported assets."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from diffusers import StableDiffusionXLPipeline

from seal_sdk.pocket import PIPELINE_FOLDER
from seal_sdk.pocket.design import DESIGNS, SHIPPED, Design
from seal_sdk.pocket.train import __main__ as command
from seal_sdk.pocket.train import data, unet, vae
from seal_sdk.pocket.train.data import TrainingSet, render_set
from seal_sdk.pocket.train.export import export
from seal_sdk.pocket.train.loop import TrainingConfig, load_ema
from seal_sdk.pocket.train.sam import train_sam
from seal_sdk.pocket.train.shipped import load_start, start_from_shipped
from seal_sdk.pocket.train.tokenizer import build_tokenizer
from seal_sdk.pocket.train.unet import new_denoiser, train_unet
from seal_sdk.pocket.train.vae import train_vae, write_latents

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    render_set(folder, 520, 1)
    build_tokenizer(folder)
    return folder


def test_every_stage_runs_and_exports_a_pipeline(run_folder, tmp_path):
    tiny = TrainingConfig(learning_rate=1e-3, batch=2, steps=2)
    train_vae(run_folder, tiny, CPU)
    train_sam(run_folder, tiny, CPU)
    write_latents(run_folder, CPU)
    train_unet(run_folder, tiny, CPU)
    export(run_folder, tmp_path)
    pipe = StableDiffusionXLPipeline.from_pretrained(tmp_path / "pipeline")
    assert pipe.unet.dtype == torch.float16 or pipe.unet.dtype == torch.float32
    assert len(TrainingSet.open(run_folder)) == 20


def test_a_larger_design_starts_from_the_shipped_model(tmp_path, monkeypatch):
    for stage in (data, vae, unet):
        monkeypatch.setattr(stage, "HELD_OUT_IMAGES", 4)
    design = DESIGNS["256"]
    render_set(tmp_path, 6, 1, design=design)
    assert TrainingSet.open(tmp_path).images.shape == (6, 256, 256, 3) and Design.of(tmp_path) == design
    start_from_shipped(tmp_path)
    tiny = TrainingConfig(learning_rate=1e-3, batch=2, steps=1)
    train_vae(tmp_path, tiny, CPU)
    write_latents(tmp_path, CPU)
    latents = torch.from_numpy(np.load(tmp_path / "latents.npy")[:2]).float()
    assert latents.shape == (2, 16, 32, 32)
    larger, _ = new_denoiser(tmp_path)
    load_start(larger, tmp_path)
    shipped = StableDiffusionXLPipeline.from_pretrained(PIPELINE_FOLDER, dtype=torch.float32).unet
    given = {"text_embeds": torch.randn(2, 64), "time_ids": torch.zeros(2, 6)}
    embeds = torch.randn(2, 77, 128)
    ours = larger.unet(latents, 500, embeds, added_cond_kwargs=given).sample
    theirs = shipped(latents[:, :8], 500, embeds, added_cond_kwargs=given).sample
    assert torch.allclose(ours[:, :8], theirs, atol=1e-4) and not ours[:, 8:].any()
    train_unet(tmp_path, tiny, CPU)
    export(tmp_path, tmp_path / "assets")
    pipe = StableDiffusionXLPipeline.from_pretrained(tmp_path / "assets" / "pipeline")
    assert pipe("a photo of a cat", num_inference_steps=1, output_type="np").images.shape == (1, 256, 256, 3)


def test_the_unets_training_resumes_bit_equally(run_folder, tmp_path):
    """The latents need not be the VAE's for this."""
    averages = []
    for name, lengths in (("whole", (2,)), ("broken", (1, 2))):
        folder = tmp_path / name
        shutil.copytree(run_folder, folder, ignore=shutil.ignore_patterns("*.pt", "vae"))
        latents = np.random.default_rng(0).standard_normal((520, SHIPPED.latent_channels, 32, 32)).astype(np.float16)
        np.save(folder / "latents.npy", latents)
        for steps in lengths:
            train_unet(folder, TrainingConfig(learning_rate=1e-3, batch=2, steps=steps, flat=0.99), CPU)
        averages.append(load_ema(folder / "unet.pt"))
    assert all(torch.equal(averages[1][name], tensor) for name, tensor in averages[0].items())


def test_the_training_seeds_are_not_the_held_out_ones(run_folder):
    with pytest.raises(ValueError, match="400000"):
        render_set(run_folder, 400_001, 1)


def test_the_command_line_sets_what_it_is_given_and_keeps_the_rest(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(command, "train_unet", lambda folder, config, device: seen.append((folder, config)))
    arguments = ["unet", "--folder", str(tmp_path), "--steps", "7", "--learning-rate", "0.5"]
    assert CliRunner().invoke(command.main, arguments, catch_exceptions=False).exit_code == 0
    assert seen == [(tmp_path, TrainingConfig(learning_rate=0.5, batch=16, steps=7, minutes=90, flat=0.5))]
