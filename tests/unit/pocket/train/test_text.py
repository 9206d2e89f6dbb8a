"""Training of the text encoders alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from seal_sdk.pocket.design import SHIPPED
from seal_sdk.pocket.models import build_scheduler
from seal_sdk.pocket.train.data import render_set
from seal_sdk.pocket.train.loop import TrainingConfig, load_ema
from seal_sdk.pocket.train.shipped import START, load_start, start_from_shipped
from seal_sdk.pocket.train.text import Paraphrases, train_text, wording_loss
from seal_sdk.pocket.train.unet import Batch, new_denoiser

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    render_set(folder, 520, 1)
    start_from_shipped(folder)
    latents = np.random.default_rng(0).standard_normal((520, SHIPPED.latent_channels, 32, 32)).astype(np.float16)
    np.save(folder / "latents.npy", latents)
    return folder


def test_only_the_text_encoders_learn(run_folder):
    train_text(run_folder, TrainingConfig(learning_rate=1e-3, batch=2, steps=3), CPU)
    start, after = load_file(run_folder / START), load_ema(run_folder / "text.pt")
    changed = {name.partition(".")[0] for name, tensor in start.items() if not torch.equal(tensor, after[name])}
    assert changed == {"text_encoder", "text_encoder_2"}


def test_the_loss_is_zero_for_the_same_words_and_not_for_others(run_folder):
    (model, tokenizer), rng = new_denoiser(run_folder), torch.Generator().manual_seed(0)
    load_start(model, run_folder)
    latents = torch.randn(2, SHIPPED.latent_channels, 32, 32, generator=rng)
    batch = Batch(latents, *(torch.ones(2, 1, 32, 32) for _ in range(4)))
    texts = ["a photo of a blue cat on snow", "a photo of a red dog"], ["a photo of a cat on snow", "a photo of a dog"]
    plain, other = (
        tokenizer(each, padding="max_length", max_length=77, return_tensors="pt").input_ids for each in texts
    )
    alphas = build_scheduler().alphas_cumprod
    assert float(wording_loss(model, model, batch, (plain, plain), alphas).detach()) == 0
    assert float(wording_loss(model, model, batch, (plain, other), alphas).detach()) > 1e-4


def test_photos_are_paraphrased_and_structure_images_keep_their_captions(run_folder):
    _, tokenizer = new_denoiser(run_folder)
    pairs = Paraphrases(run_folder, tokenizer)
    picked = np.arange(200)
    ids = torch.from_numpy(np.load(run_folder / "ids.npy")[picked, 0].astype(np.int64))
    plain, other = pairs.draw(ids, picked, np.random.default_rng(0))
    differs = (plain != other).any(dim=1).numpy()
    photos = pairs.kinds[picked] == 0
    assert not differs[~photos].any() and 0.6 < differs[photos].mean() < 0.9
    assert torch.equal(plain[~differs], ids[~differs])
