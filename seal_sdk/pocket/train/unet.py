"""Training UNet and text encoders on the set's latents: v-prediction, captions dropped for guidance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTokenizer

from seal_sdk.pocket.models import Denoiser, build_scheduler
from seal_sdk.pocket.train.data import HELD_BACK
from seal_sdk.pocket.train.loop import Recipe, Training
from seal_sdk.pocket.train.vae import save_sheet

DROPPED = 0.10  # conditioning replaced by zeros, as SDXL's unconditional row has it
EMPTY = 0.02  # conditioning replaced by the empty prompt
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


def new_denoiser(folder: Path) -> tuple[Denoiser, CLIPTokenizer]:
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", model_max_length=77)
    return Denoiser(len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id), tokenizer


def condition(model: Denoiser, ids: Tensor, empty: Tensor) -> tuple[Tensor, Tensor]:
    """Embeddings of captions (B, 77), some of them dropped."""
    ids = torch.where((torch.rand(len(ids), device=ids.device) < EMPTY)[:, None], empty, ids)
    embeds, pooled = model.encode(ids)
    keep = (torch.rand(len(ids), device=ids.device) >= DROPPED).float()
    return embeds * keep[:, None, None], pooled * keep[:, None]


def velocity_loss(model: Denoiser, latents: Tensor, embeds: Tensor, pooled: Tensor, alphas: Tensor) -> Tensor:
    """Mean squared error of v at stratified timesteps."""
    count = len(latents)
    spread = (torch.arange(count, device=latents.device) + torch.rand(count, device=latents.device)) / count
    timesteps = (spread * len(alphas)).long().clamp(max=len(alphas) - 1)
    signal, noise_level = (
        level[:, None, None, None] for level in (alphas[timesteps].sqrt(), (1 - alphas[timesteps]).sqrt())
    )
    noise = torch.randn_like(latents)
    target = signal * noise - noise_level * latents
    return (model(signal * latents + noise_level * noise, timesteps, embeds, pooled) - target).square().mean()


def train_unet(folder: Path, recipe: Recipe, device: torch.device) -> None:
    latents, ids = np.load(folder / "latents.npy"), np.load(folder / "ids.npy")
    model, tokenizer = new_denoiser(folder)
    alphas = build_scheduler().alphas_cumprod.to(device)
    empty = torch.tensor(tokenizer("", padding="max_length", max_length=77).input_ids, device=device)

    def loss(denoiser: torch.nn.Module, step: int) -> Tensor:
        rng = np.random.default_rng([recipe.seed, step])
        picked = rng.integers(0, len(latents) - HELD_BACK, recipe.batch)
        captions = ids[picked, rng.integers(0, ids.shape[1], recipe.batch)].astype(np.int64)
        batch = torch.from_numpy(latents[picked]).float().to(device, memory_format=torch.channels_last)
        embeds, pooled = condition(denoiser, torch.from_numpy(captions).to(device), empty)  # type: ignore[arg-type]
        return velocity_loss(denoiser, batch, embeds, pooled, alphas)  # type: ignore[arg-type]

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
    latents = torch.randn(len(prompts), 4, 32, 32, generator=torch.Generator().manual_seed(0)).to(device)
    for timestep in scheduler.timesteps:
        without, conditional = model(torch.cat([latents] * 2), timestep.expand(2 * len(latents)), embeds, pooled).chunk(
            2
        )
        latents = scheduler.step(without + guidance * (conditional - without), timestep, latents).prev_sample
    vae = AutoencoderKL.from_pretrained(folder / "vae").to(device)
    return vae.decode(latents).sample
