"""Training UNet and text encoders on the set's latents: v-prediction, captions dropped for guidance.

Beside the velocity, the UNet's inner features learn to name the part of the body at each token and its place on the body at
rest, which the world knows: supervised features make a diffusion model learn several times faster (as REPA does with those of
a pretrained encoder, arXiv 2410.06940). The heads that read them are dropped after training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy
from transformers import CLIPTokenizer

from seal_sdk.pocket.models import LATENT_CHANNELS, VAE_FACTOR, Denoiser, build_scheduler
from seal_sdk.pocket.train.data import BODY_CLASSES, HELD_BACK, TrainingSet
from seal_sdk.pocket.train.loop import Recipe, Training, norms_in_fp32
from seal_sdk.pocket.train.shipped import load_start
from seal_sdk.pocket.train.vae import save_sheet

DROPPED = 0.10  # conditioning replaced by zeros, as SDXL's unconditional row has it
EMPTY = 0.02  # conditioning replaced by the empty prompt
SNR_LIMIT = 25.0  # cleaner steps count less (min-SNR, arXiv 2303.09556); noisier ones as v-prediction weighs them
SUBJECT_WEIGHT = 3.0  # of an error inside the subject, as a multiple of one outside
BODY_WEIGHT = 0.1  # of the body maps' loss
LOOK_AT = (
    "a photo of a cat on snow",
    "a photo of a red dog in a forest",
    "a photo of a striped horse in a meadow",
    "a photo of a blue bird at night",
    "a photo of a person in a desert",
    "a photo of a spotted green cat in a room",
    "a mesh of a horse",
    "a pose skeleton of a person",
)


def new_denoiser(folder: Path) -> tuple[Learner, CLIPTokenizer]:
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", model_max_length=77)
    return Learner(len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id), tokenizer


def condition(model: Denoiser, ids: Tensor, empty: Tensor) -> tuple[Tensor, Tensor]:
    """Embeddings of captions (B, 77), some of them dropped."""
    ids = torch.where((torch.rand(len(ids), device=ids.device) < EMPTY)[:, None], empty, ids)
    embeds, pooled = model.encode(ids)
    keep = (torch.rand(len(ids), device=ids.device) >= DROPPED).float()
    return embeds * keep[:, None, None], pooled * keep[:, None]


class Learner(Denoiser):
    """A denoiser with the head that reads the body map (classes, then two coordinates) from its inner features."""

    def __init__(self, vocabulary: int, bos: int, eos: int) -> None:
        super().__init__(vocabulary, bos, eos)
        self.body = nn.Conv2d(self.unet.config.block_out_channels[-1], BODY_CLASSES + 2, 1)
        self.unet.up_blocks[0].register_forward_hook(self._read_body)
        self._prefer_fast_kernels()

    def _prefer_fast_kernels(self) -> None:
        """For bfloat16 on a CPU; fused attention, too, is slower there than plain matrix products."""
        norms_in_fp32(self)
        self.unet.set_attn_processor(AttnProcessor())
        for encoder in (self.text_encoder, self.text_encoder_2):
            encoder.set_attn_implementation("eager")

    def _read_body(self, block: nn.Module, inputs: object, features: Tensor) -> None:
        self.body_map = self.body(features)


@dataclass(frozen=True)
class Batch:
    """latents (B, 8, 32, 32); ids (B, 77); emphasis (B, 1, 32, 32), mean 1; classes (B, T, T); places (B, T, T, 2), maybe NaN."""

    latents: Tensor
    ids: Tensor
    emphasis: Tensor
    classes: Tensor
    places: Tensor

    @classmethod
    def draw(cls, data: UNetSet, picked: np.ndarray, wording: np.ndarray, device: torch.device) -> Batch:
        masks = torch.from_numpy(np.stack([data.images.mask(index) for index in picked])).float()
        emphasis = 1 + (SUBJECT_WEIGHT - 1) * avg_pool2d(masks[:, None], VAE_FACTOR)
        return cls(
            torch.from_numpy(data.latents[picked]).float().to(device, memory_format=torch.channels_last),
            torch.from_numpy(data.ids[picked, wording].astype(np.int64)).to(device),
            (emphasis / emphasis.mean()).to(device),
            torch.from_numpy(data.classes[picked].astype(np.int64)).to(device),
            torch.from_numpy(data.places[picked].astype(np.float32)).to(device),
        )


@dataclass(frozen=True)
class UNetSet:
    """What the UNet learns from, by the image's number."""

    images: TrainingSet
    latents: np.ndarray
    ids: np.ndarray
    classes: np.ndarray
    places: np.ndarray

    @classmethod
    def open(cls, folder: Path) -> UNetSet:
        arrays = (np.load(folder / f"{name}.npy") for name in ("latents", "ids", "classes", "places"))
        return cls(TrainingSet.open(folder), *arrays)


def velocity_loss(model: Learner, batch: Batch, embeds: Tensor, pooled: Tensor, alphas: Tensor) -> Tensor:
    """Weighted mean squared error of v at stratified timesteps."""
    count, device = len(batch.latents), batch.latents.device
    spread = (torch.arange(count, device=device) + torch.rand(count, device=device)) / count
    timesteps = (spread * len(alphas)).long().clamp(max=len(alphas) - 1)
    alpha = alphas[timesteps][:, None, None, None]
    noise = torch.randn_like(batch.latents)
    target = alpha.sqrt() * noise - (1 - alpha).sqrt() * batch.latents
    predicted = model(alpha.sqrt() * batch.latents + (1 - alpha).sqrt() * noise, timesteps, embeds, pooled)
    weight = batch.emphasis * (SNR_LIMIT * (1 - alpha)).clamp(max=1)
    return (weight * (predicted - target).square()).mean()


def body_loss(model: Learner, batch: Batch) -> Tensor:
    """Cross-entropy of the parts and squared error of the places in the body map of the last forward pass."""
    inside = batch.places.isfinite().all(dim=-1)
    places = model.body_map[:, BODY_CLASSES:].permute(0, 2, 3, 1)[inside]
    return (
        cross_entropy(model.body_map[:, :BODY_CLASSES], batch.classes) + (places - batch.places[inside]).square().mean()
    )


def train_unet(folder: Path, recipe: Recipe, device: torch.device) -> None:
    data = UNetSet.open(folder)
    torch.manual_seed(recipe.seed)
    model, tokenizer = new_denoiser(folder)
    load_start(model, folder)
    alphas = build_scheduler().alphas_cumprod.to(device)
    empty = torch.tensor(tokenizer("", padding="max_length", max_length=77).input_ids, device=device)

    def loss(learner: nn.Module, seed: int) -> Tensor:
        assert isinstance(learner, Learner)
        rng = np.random.default_rng([recipe.seed, seed])
        picked = rng.integers(0, len(data.latents) - HELD_BACK, recipe.batch)
        batch = Batch.draw(data, picked, rng.integers(0, data.ids.shape[1], recipe.batch), device)
        with torch.autocast(device.type, torch.bfloat16):
            embeds, pooled = condition(learner, batch.ids, empty)
            return velocity_loss(learner, batch, embeds, pooled, alphas) + BODY_WEIGHT * body_loss(learner, batch)

    def report(training: Training) -> None:
        print(f"unet {training.step} {training.progress:.3f} loss {training.mean_loss:.4f}", flush=True)
        if training.step % 500 == 0:
            average, _ = new_denoiser(folder)
            average.load_state_dict(training.average)
            images = sample_images(average.to(device), folder, tokenizer, LOOK_AT)
            save_sheet(images, 4, folder / f"unet-{training.step:06d}.png")

    Training(model, recipe, folder / "unet.pt", device).run(loss, report, every=50)


@torch.no_grad()
def sample_images(
    model: Denoiser,
    folder: Path,
    tokenizer: CLIPTokenizer,
    prompts: Sequence[str],
    steps: int = 15,
    guidance: float = 4.0,
) -> Tensor:
    """Images (B, 3, 128, 128) in [-1, 1] of the prompts, plainly guided."""
    device = next(model.parameters()).device
    scheduler = build_scheduler()
    scheduler.set_timesteps(steps)
    ids = tokenizer(list(prompts), padding="max_length", max_length=77, return_tensors="pt").input_ids.to(device)
    embeds, pooled = model.encode(ids)
    embeds, pooled = (torch.cat([torch.zeros_like(t), t]) for t in (embeds, pooled))
    latents = torch.randn(len(prompts), LATENT_CHANNELS, 32, 32, generator=torch.Generator().manual_seed(0)).to(device)
    for timestep in scheduler.timesteps:
        without, conditional = model(torch.cat([latents] * 2), timestep.expand(2 * len(latents)), embeds, pooled).chunk(
            2
        )
        latents = scheduler.step(without + guidance * (conditional - without), timestep, latents).prev_sample
    vae = AutoencoderKL.from_pretrained(folder / "vae").to(device)
    return vae.decode(latents).sample
