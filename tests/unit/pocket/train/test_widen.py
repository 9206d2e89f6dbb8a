"""Training that goes on from shipped weights, as wide as they are or wider."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file

from seal_sdk.pocket import PIPELINE_FOLDER, world
from seal_sdk.pocket.models import build_unet
from seal_sdk.pocket.train.data import render_set
from seal_sdk.pocket.train.loop import TrainingConfig, load_ema
from seal_sdk.pocket.train.shipped import START, load_start, start_from_shipped
from seal_sdk.pocket.train.unet import new_denoiser, train_unet
from seal_sdk.pocket.train.vae import write_latents
from seal_sdk.pocket.train.widen import channels_of, widen

CPU = torch.device("cpu")
NARROW, WIDE = (32, 64, 128), (48, 96, 192)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    render_set(folder, 502, 1)
    start_from_shipped(folder)
    return folder


def unet(channels, groups, heads):
    config = build_unet().config | {
        "block_out_channels": channels,
        "norm_num_groups": groups,
        "attention_head_dim": heads,
    }
    return UNet2DConditionModel.from_config(config)


def predict(model, timesteps):
    generator = torch.Generator().manual_seed(0)
    count = len(timesteps)
    latents, embeds, pooled = (
        torch.randn(count, *shape, generator=generator)
        for shape in ((8, 32, 32), (77, model.config.cross_attention_dim), (64,))
    )
    added = {"text_embeds": pooled, "time_ids": torch.full((count, 6), 128.0)}
    with torch.no_grad():
        return model(latents, timesteps, encoder_hidden_states=embeds, added_cond_kwargs=added).sample


def test_training_starts_from_what_is_shipped(run_folder):
    model, tokenizer = new_denoiser(run_folder)
    load_start(model, run_folder)
    shipped = StableDiffusionXLPipeline.from_pretrained(PIPELINE_FOLDER, dtype=torch.float32)
    assert all(torch.equal(tensor, model.unet.state_dict()[name]) for name, tensor in shipped.unet.state_dict().items())
    caption = world.caption(*(getattr(world.sample(0), part) for part in ("identity", "pose", "scene")))
    assert tokenizer(caption).input_ids == shipped.tokenizer(caption).input_ids
    assert np.load(run_folder / "ids.npy").shape == (502, 4, 77)


def test_shipped_weights_are_trained_further(run_folder, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    write_latents(folder, CPU)
    train_unet(folder, TrainingConfig(learning_rate=1e-4, batch=2, steps=2, warmup=1), CPU)
    start, trained = load_file(folder / START), load_ema(folder / "unet.pt")
    moved = [(trained[name] - tensor).abs().max() for name, tensor in start.items() if tensor.is_floating_point()]
    assert 0 < max(moved) < 1e-2


def test_a_start_of_another_architecture_is_refused(run_folder, tmp_path):
    shutil.copytree(run_folder / "tokenizer", tmp_path / "tokenizer")
    weights = load_file(run_folder / START)
    weights.pop("unet.conv_in.weight")
    save_file(weights, tmp_path / START)
    with pytest.raises(ValueError, match=r"unet\.conv_in\.weight"):
        load_start(new_denoiser(tmp_path)[0], tmp_path)


def test_a_wide_unet_begins_as_the_narrow_one():
    torch.manual_seed(0)
    narrow, wide = unet(NARROW, 16, (2, 2, 4)), unet(WIDE, 24, (3, 3, 6))
    timesteps = torch.tensor([999, 700, 400, 50])
    unlike = predict(wide, timesteps)
    grown = widen(narrow.state_dict(), wide)
    wide.load_state_dict(grown)
    expected = predict(narrow, timesteps)
    error = (predict(wide, timesteps) - expected).norm() / expected.norm()
    assert error < 0.3 < (unlike - expected).norm() / expected.norm()
    assert channels_of(grown) == WIDE
    largest = max(float(tensor.abs().max()) for tensor in narrow.state_dict().values())
    assert max(float(tensor.abs().max()) for tensor in grown.values()) < 4 * largest  # half precision can follow


def test_what_reads_copied_channels_shares_its_weights():
    narrow, wide = unet(NARROW, 16, (2, 2, 4)), unet(WIDE, 24, (3, 3, 6))
    grown = widen(narrow.state_dict(), wide)["conv_out.weight"]
    original = narrow.conv_out.weight
    assert torch.allclose(grown[:, :16] + grown[:, 32:], original[:, :16], atol=1e-6)
    assert torch.equal(grown[:, 16:32], original[:, 16:])
    assert not torch.allclose(grown[:, :16], grown[:, 32:])


def test_widths_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="cannot become"):
        widen(unet(NARROW, 16, (2, 2, 4)).state_dict(), unet((64, 96, 192), 16, (2, 3, 6)))
