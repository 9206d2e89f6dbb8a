"""Text encoders learn other wordings of what they know: with them, the UNet has to predict what it predicts with the plain one. Ours.

The UNet stays as it is, and so does what plain prompts draw: half of each batch is plain captions, which must keep their meaning.
This is distillation (arXiv 1503.02531) with the model itself as its teacher, and far cheaper than training on images: no noise of the
data is in it.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPTokenizer

from seal_sdk.pocket import world
from seal_sdk.pocket.models import Denoiser, build_scheduler
from seal_sdk.pocket.train.data import CAPTIONS, HELD_OUT_IMAGES
from seal_sdk.pocket.train.loop import Training, TrainingConfig
from seal_sdk.pocket.train.shipped import load_start
from seal_sdk.pocket.train.tokenizer import token_ids
from seal_sdk.pocket.train.unet import Batch, DenoiserWithBodyHead, UNetSet, draw_noise, new_denoiser

REWORDED = 0.75  # share of the photos whose captions are paraphrased; the other captions must keep their meaning
POOLED_WEIGHT = 0.1  # of the pooled embeddings' error, beside the UNet's


def train_text(folder: Path, config: TrainingConfig, device: torch.device) -> None:
    """Train the text encoders on paraphrases. Checkpoint: ``text.pt``, with the UNet that they began with."""
    data = UNetSet.open(folder)
    torch.manual_seed(config.seed)
    model, tokenizer = new_denoiser(folder)
    pairs = Paraphrases(folder, tokenizer)
    load_start(model, folder)
    model.unet.requires_grad_(False)
    teacher = deepcopy(model).to(device).requires_grad_(False)
    alphas = build_scheduler().alphas_cumprod.to(device)

    def loss(model: DenoiserWithBodyHead, seed: int) -> Tensor:
        rng = np.random.default_rng([config.seed, seed])
        picked = rng.integers(0, len(data.latents) - HELD_OUT_IMAGES, config.batch)
        batch = Batch.draw(data, picked, rng.integers(0, CAPTIONS, config.batch), device)
        plain, other = pairs.draw(batch.ids, picked, rng)
        with torch.autocast(device.type, torch.bfloat16):
            return wording_loss(model, teacher, batch, (plain, other), alphas)

    def report(training: Training[DenoiserWithBodyHead]) -> None:
        print(f"text {training.step} {training.progress:.3f} loss {training.mean_loss:.6f}", flush=True)

    Training(model, config, folder / "text.pt", device).run(loss, report, every=50)


class Paraphrases:
    """Draws pairs of captions of the training images, as token ids."""

    def __init__(self, folder: Path, tokenizer: CLIPTokenizer) -> None:
        self.kinds, self.tokenizer = np.load(folder / "kinds.npy"), tokenizer

    def draw(self, ids: Tensor, picked: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Captions and their other wordings, (B, 77) each: `paraphrase`'s for `REWORDED` of the photos, else twice the same.

        ids: (B, 77), the captions of the images ``picked``, (B,).
        """
        plain, other = ids.clone(), ids.clone()
        for row, index in enumerate(picked):
            if self.kinds[index] == world.KINDS.index("photo") and rng.random() < REWORDED:
                sample = world.sample(int(index))
                texts = world.paraphrase(sample.identity, sample.pose, sample.scene, rng=rng)
                plain[row], other[row] = token_ids(self.tokenizer, texts).to(ids.device)
        return plain, other


def wording_loss(
    model: Denoiser, teacher: Denoiser, batch: Batch, ids: tuple[Tensor, Tensor], alphas: Tensor
) -> Tensor:
    """Mean squared difference of what is predicted with other wordings from what the teacher predicts with the plain ones.

    Args:
        model: The denoiser whose text encoders are trained.
        teacher: The denoiser as it was.
        batch: B images.
        ids: (B, 77) each: plain captions, and the same in other words.
        alphas: (T,), cumulative products of the scheduler's alphas.
    """
    timesteps, alpha, noise = draw_noise(batch.latents, alphas)
    noisy = alpha.sqrt() * batch.latents + (1 - alpha).sqrt() * noise
    with torch.no_grad():
        wanted_embeds, wanted_pooled = teacher.encode(ids[0])
        wanted = teacher(noisy, timesteps, wanted_embeds, wanted_pooled)
    embeds, pooled = model.encode(ids[1])
    error = batch.emphasis * (model(noisy, timesteps, embeds, pooled) - wanted).square()
    loss: Tensor = error.mean() + POOLED_WEIGHT * (pooled - wanted_pooled).square().mean()
    return loss
