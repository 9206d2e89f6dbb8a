"""Training of UNet and text encoders on latents: v-prediction, with captions dropped for classifier-free guidance.

An auxiliary head on the UNet's inner features predicts the body map: which part is at each token, and which point of the body
at rest. Supervised features make a diffusion model learn several times faster, as REPA shows for features of a pretrained
encoder (arXiv 2410.06940). The head is dropped after training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy
from transformers import CLIPTokenizer

from seal_sdk.pocket.design import SHIPPED, Design
from seal_sdk.pocket.models import Denoiser, build_scheduler, load_vae
from seal_sdk.pocket.train.data import BODY_CLASSES, HELD_OUT_IMAGES, TrainingSet
from seal_sdk.pocket.train.loop import Training, TrainingConfig, norms_in_fp32
from seal_sdk.pocket.train.shipped import load_start
from seal_sdk.pocket.train.tokenizer import LENGTH, load_tokenizer
from seal_sdk.pocket.train.vae import save_contact_sheet

DROPPED = 0.10  # share of captions whose embeddings become zeros, as SDXL's are without a prompt
EMPTY = 0.02  # share of captions that become the empty prompt
SNR_LIMIT = 25.0  # timesteps of a higher SNR count less (min-SNR, arXiv 2303.09556)
SUBJECT_WEIGHT = 3.0  # weight of errors inside the subject, relative to those outside
BODY_WEIGHT = 0.1  # weight of the body map's loss
PREVIEW_PROMPTS = (
    "a photo of a cat on snow",
    "a photo of a red dog in a forest",
    "a photo of a striped horse in a meadow",
    "a photo of a blue bird at night",
    "a photo of a person in a desert",
    "a photo of a spotted green cat in a room",
    "a mesh of a horse",
    "a pose skeleton of a person",
)


def new_denoiser(folder: Path) -> tuple[DenoiserWithBodyHead, CLIPTokenizer]:
    """Build an untrained denoiser for the tokenizer in ``folder``, and load that tokenizer."""
    tokenizer = load_tokenizer(folder / "tokenizer")
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    return DenoiserWithBodyHead(len(tokenizer), bos, eos, Design.of(folder)), tokenizer


def condition(model: Denoiser, ids: Tensor, empty: Tensor) -> tuple[Tensor, Tensor]:
    """Encode captions, some of them dropped.

    Args:
        model: Encodes the captions.
        ids: (B, 77), the captions.
        empty: (77,), the empty prompt.

    Returns:
        Embeddings (B, 77, 128) and pooled embeddings (B, 64).
    """
    ids = torch.where((torch.rand(len(ids), device=ids.device) < EMPTY)[:, None], empty, ids)
    embeds, pooled = model.encode(ids)
    keep = (torch.rand(len(ids), device=ids.device) >= DROPPED).float()
    return embeds * keep[:, None, None], pooled * keep[:, None]


class DenoiserWithBodyHead(Denoiser):
    """A denoiser with an auxiliary head on its first up block.

    Attributes:
        body_map: (B, BODY_CLASSES + 2, T, T) of the last forward pass: logits of the classes, then two coordinates.
    """

    body_map: Tensor

    def __init__(self, vocabulary: int, bos: int, eos: int, design: Design = SHIPPED) -> None:
        super().__init__(vocabulary, bos, eos, design)
        self.body = nn.Conv2d(self.unet.config["block_out_channels"][-1], BODY_CLASSES + 2, 1)
        self.unet.up_blocks[0].register_forward_hook(self._read_body)
        self._prefer_fast_kernels()

    def _prefer_fast_kernels(self) -> None:
        """Choose what is fast in bfloat16 on a CPU, where fused attention is slower than plain matrix products."""
        norms_in_fp32(self)
        self.unet.set_attn_processor(AttnProcessor())
        for encoder in (self.text_encoder, self.text_encoder_2):
            encoder.set_attn_implementation("eager")

    def _read_body(self, block: nn.Module, inputs: object, features: Tensor) -> None:
        self.body_map = self.body(features)


@dataclass(frozen=True)
class Batch:
    """A training batch.

    Attributes:
        latents: (B, C, 32, 32).
        ids: (B, 77), one caption per image.
        emphasis: (B, 1, 32, 32), weights of the error, of mean 1.
        classes: (B, T, T), the part at each token.
        places: (B, T, T, 2), the point of the body at rest at each token; NaN outside the subject.
    """

    latents: Tensor
    ids: Tensor
    emphasis: Tensor
    classes: Tensor
    places: Tensor

    @classmethod
    def draw(cls, data: UNetSet, picked: np.ndarray, wording: np.ndarray, device: torch.device) -> Batch:
        """Collect the images of the indices ``picked`` (B,), each with its caption of index ``wording`` (B,)."""
        masks = torch.from_numpy(np.stack([data.images.mask(index) for index in picked])).float()
        emphasis = 1 + (SUBJECT_WEIGHT - 1) * avg_pool2d(masks[:, None], masks.shape[-1] // data.latents.shape[-1])
        return cls(
            torch.from_numpy(data.latents[picked]).float().to(device, memory_format=torch.channels_last),
            torch.from_numpy(data.ids[picked, wording].astype(np.int64)).to(device),
            (emphasis / emphasis.mean()).to(device),
            torch.from_numpy(data.classes[picked].astype(np.int64)).to(device),
            torch.from_numpy(data.places[picked].astype(np.float32)).to(device),
        )


@dataclass(frozen=True)
class UNetSet:
    """The training set of the UNet: N images with latents (N, C, 32, 32), caption ids (N, 4, 77) and body maps."""

    images: TrainingSet
    latents: np.ndarray
    ids: np.ndarray
    classes: np.ndarray
    places: np.ndarray

    @classmethod
    def open(cls, folder: Path) -> UNetSet:
        """Open the set in a folder whose captions and images were encoded."""
        arrays = (np.load(folder / f"{name}.npy") for name in ("latents", "ids", "classes", "places"))
        return cls(TrainingSet.open(folder), *arrays)


def draw_noise(latents: Tensor, alphas: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Stratified timesteps (B,) of latents (B, C, h, w), their alphas (B, 1, 1, 1) of ``alphas`` (T,), and noise (B, C, h, w)."""
    count, device = len(latents), latents.device
    spread = (torch.arange(count, device=device) + torch.rand(count, device=device)) / count
    timesteps = (spread * len(alphas)).long().clamp(max=len(alphas) - 1)
    return timesteps, alphas[timesteps][:, None, None, None], torch.randn_like(latents)


@dataclass(frozen=True)
class Noised:
    """A batch's latents under noise, and what the UNet has to predict of them.

    Attributes:
        timesteps: (B,), stratified.
        latents: (B, C, 32, 32), noisy.
        target: v, likewise.
        weight: Of the errors, broadcast to them.
    """

    timesteps: Tensor
    latents: Tensor
    target: Tensor
    weight: Tensor

    @classmethod
    def draw(cls, batch: Batch, alphas: Tensor) -> Noised:
        """Noise for a batch. alphas: (T,), cumulative products of the scheduler's alphas."""
        timesteps, alpha, noise = draw_noise(batch.latents, alphas)
        return cls(
            timesteps,
            alpha.sqrt() * batch.latents + (1 - alpha).sqrt() * noise,
            alpha.sqrt() * noise - (1 - alpha).sqrt() * batch.latents,
            batch.emphasis * (SNR_LIMIT * (1 - alpha)).clamp(max=1),
        )

    def loss(self, predicted: Tensor) -> Tensor:
        """Weighted mean squared error of what is predicted of v."""
        error: Tensor = (self.weight * (predicted - self.target).square()).mean()
        return error


def velocity_loss(model: DenoiserWithBodyHead, batch: Batch, embeds: Tensor, pooled: Tensor, alphas: Tensor) -> Tensor:
    """Return the weighted mean squared error of v at stratified timesteps.

    Args:
        model: The denoiser.
        batch: B images.
        embeds: (B, 77, 128) of the captions.
        pooled: (B, 64) of the captions.
        alphas: (T,), cumulative products of the scheduler's alphas.
    """
    noised = Noised.draw(batch, alphas)
    return noised.loss(model(noised.latents, noised.timesteps, embeds, pooled))


def body_loss(model: DenoiserWithBodyHead, batch: Batch) -> Tensor:
    """Return cross-entropy of the parts plus squared error of the places, in the body map of the last forward pass."""
    inside = batch.places.isfinite().all(dim=-1)
    places = model.body_map[:, BODY_CLASSES:].permute(0, 2, 3, 1)[inside]
    parts = cross_entropy(model.body_map[:, :BODY_CLASSES], batch.classes)
    return parts + (places - batch.places[inside]).square().mean()


def train_unet(folder: Path, config: TrainingConfig, device: torch.device) -> None:
    """Train UNet and text encoders on the set in ``folder``. Checkpoint: ``unet.pt``; previews: ``unet-*.png``."""
    data = UNetSet.open(folder)
    torch.manual_seed(config.seed)
    model, tokenizer = new_denoiser(folder)
    load_start(model, folder)
    alphas = build_scheduler().alphas_cumprod.to(device)
    empty = torch.tensor(tokenizer("", padding="max_length", max_length=LENGTH).input_ids, device=device)

    def loss(model: DenoiserWithBodyHead, seed: int) -> Tensor:
        rng = np.random.default_rng([config.seed, seed])
        picked = rng.integers(0, len(data.latents) - HELD_OUT_IMAGES, config.batch)
        batch = Batch.draw(data, picked, rng.integers(0, data.ids.shape[1], config.batch), device)
        with torch.autocast(device.type, torch.bfloat16):
            embeds, pooled = condition(model, batch.ids, empty)
            return velocity_loss(model, batch, embeds, pooled, alphas) + BODY_WEIGHT * body_loss(model, batch)

    def report(training: Training[DenoiserWithBodyHead]) -> None:
        print(f"unet {training.step} {training.progress:.3f} loss {training.mean_loss:.4f}", flush=True)
        if training.step % 500 == 0:
            ema, _ = new_denoiser(folder)
            ema.load_state_dict(training.ema)
            images = sample_images(ema.to(device), folder, tokenizer, PREVIEW_PROMPTS)
            save_contact_sheet(images, 4, folder / f"unet-{training.step:06d}.png")

    Training(model, config, folder / "unet.pt", device).run(loss, report, every=50)


@torch.no_grad()
def sample_images(
    model: Denoiser,
    folder: Path,
    tokenizer: CLIPTokenizer,
    prompts: Sequence[str],
    steps: int = 15,
    guidance: float = 4.0,
) -> Tensor:
    """Draw images (B, 3, H, W) in [-1, 1] of the prompts, with classifier-free guidance."""
    device = next(model.parameters()).device
    scheduler = build_scheduler()
    scheduler.set_timesteps(steps)
    ids = tokenizer(list(prompts), padding="max_length", max_length=LENGTH, return_tensors="pt").input_ids.to(device)
    embeds, pooled = model.encode(ids)
    embeds, pooled = (torch.cat([torch.zeros_like(t), t]) for t in (embeds, pooled))
    shape = len(prompts), model.design.latent_channels, model.design.latent_size, model.design.latent_size
    latents = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(device)
    for timestep in scheduler.timesteps:
        rows = model(torch.cat([latents] * 2), timestep.expand(2 * len(latents)), embeds, pooled)
        unconditional, conditional = rows.chunk(2)
        noise_pred = unconditional + guidance * (conditional - unconditional)
        latents = scheduler.step(noise_pred, timestep, latents, return_dict=False)[0]
    images: Tensor = load_vae(folder / "vae", device).decode(latents).sample
    return images
