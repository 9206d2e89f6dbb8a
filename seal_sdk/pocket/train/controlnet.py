"""Training of Pocket's ControlNet: structure images of all kinds steer the UNet, which stays as it is (Zhang et al., ICCV 2023).

It is smaller than theirs, which copies the UNet's down path: it begins from nothing, and attends at the coarsest tokens alone. One net
serves all kinds of structure images, which tell themselves apart.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from torch import Tensor

from seal_sdk.pocket import world
from seal_sdk.pocket.design import SHIPPED
from seal_sdk.pocket.models import TEXT_WIDTH, TIME_WIDTH, Denoiser, build_scheduler
from seal_sdk.pocket.train.data import CAPTIONS, HELD_OUT_IMAGES
from seal_sdk.pocket.train.loop import Training, TrainingConfig, norms_in_fp32
from seal_sdk.pocket.train.shipped import load_start
from seal_sdk.pocket.train.tokenizer import LENGTH
from seal_sdk.pocket.train.unet import SNR_LIMIT, Batch, UNetSet, condition, draw_noise, new_denoiser

KINDS = ("mesh", "depth", "pose", "canny")


def build_controlnet() -> ControlNetModel:
    """Build the ControlNet, 2.6 million weights, for Pocket's UNet and structure images of 128 px in [0, 1]."""
    controlnet: ControlNetModel = ControlNetModel(
        in_channels=SHIPPED.latent_channels,
        block_out_channels=(48, 96, 192),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2D",
        attention_head_dim=(3, 3, 6),
        transformer_layers_per_block=1,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=TIME_WIDTH,
        projection_class_embeddings_input_dim=6 * TIME_WIDTH + TEXT_WIDTH,
        cross_attention_dim=2 * TEXT_WIDTH,
        norm_num_groups=24,
        conditioning_embedding_out_channels=(16, 32, 64),  # two halvings: pixels to latents
    )
    return controlnet


def train_controlnet(folder: Path, config: TrainingConfig, device: torch.device) -> None:
    """Train the ControlNet on the photos of the set in ``folder``. Checkpoint: ``controlnet.pt``."""
    data = UNetSet.open(folder)
    photos = np.flatnonzero(data.images.kinds[:-HELD_OUT_IMAGES] == world.KINDS.index("photo"))
    torch.manual_seed(config.seed)
    denoiser, tokenizer = new_denoiser(folder)
    load_start(denoiser, folder)
    denoiser.to(device).requires_grad_(False)
    alphas = build_scheduler().alphas_cumprod.to(device)
    empty = torch.tensor(tokenizer("", padding="max_length", max_length=LENGTH).input_ids, device=device)
    controlnet = build_controlnet()
    norms_in_fp32(controlnet)

    def loss(model: ControlNetModel, seed: int) -> Tensor:
        rng = np.random.default_rng([config.seed, seed])
        picked = rng.choice(photos, config.batch)
        batch = Batch.draw(data, picked, rng.integers(0, CAPTIONS, config.batch), device)
        structure = torch.stack([structure_pixels(int(index), rng) for index in picked]).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            with torch.no_grad():
                embeds, pooled = condition(denoiser, batch.ids, empty)
            return control_loss(model, denoiser, batch, structure, (embeds, pooled), alphas)

    def report(training: Training[ControlNetModel]) -> None:
        print(f"controlnet {training.step} {training.progress:.3f} loss {training.mean_loss:.4f}", flush=True)

    Training(controlnet, config, folder / "controlnet.pt", device).run(loss, report, every=50)


def structure_pixels(seed: int, rng: np.random.Generator) -> Tensor:
    """A structure image (3, 128, 128) in [0, 1] of a training image's subject and pose, of any of `KINDS`."""
    sample = world.sample(seed)
    kind = KINDS[int(rng.integers(len(KINDS)))]
    image = world.render(sample.identity, sample.pose, sample.scene, kind=kind).image
    return torch.from_numpy(image).permute(2, 0, 1).float() / 255


def control_loss(
    controlnet: ControlNetModel,
    denoiser: Denoiser,
    batch: Batch,
    structure: Tensor,
    prompt: tuple[Tensor, Tensor],
    alphas: Tensor,
) -> Tensor:
    """Weighted mean squared error of v with the ControlNet's help.

    Args:
        controlnet: The ControlNet.
        denoiser: Has the UNet, which is not trained.
        batch: B images.
        structure: (B, 3, 128, 128) in [0, 1], of the same poses.
        prompt: Embeddings (B, 77, 128) and pooled embeddings (B, 64).
        alphas: (T,), cumulative products of the scheduler's alphas.
    """
    timesteps, alpha, noise = draw_noise(batch.latents, alphas)
    noisy = alpha.sqrt() * batch.latents + (1 - alpha).sqrt() * noise
    target = alpha.sqrt() * noise - (1 - alpha).sqrt() * batch.latents
    added = {"text_embeds": prompt[1], "time_ids": denoiser.time_ids(noisy)}
    down, mid = controlnet(
        noisy, timesteps, prompt[0], controlnet_cond=structure, added_cond_kwargs=added, return_dict=False
    )
    predicted = denoiser.unet(
        noisy,
        timesteps,
        encoder_hidden_states=prompt[0],
        added_cond_kwargs=added,
        down_block_additional_residuals=down,
        mid_block_additional_residual=mid,
    ).sample
    weight = batch.emphasis * (SNR_LIMIT * (1 - alpha)).clamp(max=1)
    loss: Tensor = (weight * (predicted - target).square()).mean()
    return loss
