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
from seal_sdk.pocket.models import CONDITIONING, Denoiser
from seal_sdk.pocket.train.data import CAPTIONS
from seal_sdk.pocket.train.frozen import FrozenDenoiser
from seal_sdk.pocket.train.loop import Training, TrainingConfig, norms_in_fp32
from seal_sdk.pocket.train.unet import Batch, Noised, condition

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
        **CONDITIONING,
        conditioning_embedding_out_channels=(16, 32, 64),  # two halvings: pixels to latents
    )
    return controlnet


def train_controlnet(folder: Path, config: TrainingConfig, device: torch.device) -> None:
    """Train the ControlNet on the photos of the set in ``folder``. Checkpoint: ``controlnet.pt``."""
    torch.manual_seed(config.seed)
    shipped = FrozenDenoiser.open(folder, device)
    photos, empty = shipped.data.images.photos, shipped.ids([""])[0]
    controlnet = build_controlnet()
    norms_in_fp32(controlnet)

    def loss(model: ControlNetModel, seed: int) -> Tensor:
        rng = np.random.default_rng([config.seed, seed])
        picked = rng.choice(photos, config.batch)
        batch = Batch.draw(shipped.data, picked, rng.integers(0, CAPTIONS, config.batch), device)
        structure = torch.stack([structure_pixels(int(index), rng) for index in picked]).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            with torch.no_grad():
                prompt = condition(shipped.denoiser, batch.ids, empty)
            return control_loss(model, shipped.denoiser, batch, structure, prompt, shipped.alphas)

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
    noised = Noised.draw(batch, alphas)
    added = {"text_embeds": prompt[1], "time_ids": denoiser.time_ids(noised.latents)}
    down, mid = controlnet(
        noised.latents,
        noised.timesteps,
        prompt[0],
        controlnet_cond=structure,
        added_cond_kwargs=added,
        return_dict=False,
    )
    predicted = denoiser.unet(
        noised.latents,
        noised.timesteps,
        encoder_hidden_states=prompt[0],
        added_cond_kwargs=added,
        down_block_additional_residuals=down,
        mid_block_additional_residual=mid,
    ).sample
    return noised.loss(predicted)
