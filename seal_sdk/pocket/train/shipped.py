"""Training that starts from the package's own tokenizer, VAE, UNet and text encoders instead of from nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from seal_sdk.pocket import PIPELINE_FOLDER
from seal_sdk.pocket.design import SHIPPED, Design
from seal_sdk.pocket.train.tokenizer import load_tokenizer, write_ids

START = "unet-start.safetensors"
PARTS = ("unet", "text_encoder", "text_encoder_2")


def start_from_shipped(folder: Path) -> None:
    """Copy the shipped tokenizer, VAE and weights to the folder of a rendered set, and tokenize its captions.

    A set of another design gets no VAE: it has to be trained.
    """
    design = Design.of(folder)
    for part in ("tokenizer", "vae") if design == SHIPPED else ("tokenizer",):
        shutil.copytree(PIPELINE_FOLDER / part, folder / part, dirs_exist_ok=True)
    write_ids(folder, load_tokenizer(folder / "tokenizer"))
    pipe = StableDiffusionXLPipeline.from_pretrained(PIPELINE_FOLDER, dtype=torch.float32)
    weights = {
        f"{part}.{name}": tensor.contiguous()
        for part in PARTS
        for name, tensor in getattr(pipe, part).state_dict().items()
    }
    save_file(with_latents(weights, design.latent_channels), folder / START)


def with_latents(weights: dict[str, Tensor], channels: int) -> dict[str, Tensor]:
    """The weights with a UNet that takes and predicts more latent channels: it ignores the new ones, and predicts zeros for them."""
    grown = dict(weights)
    for name, axis in (("unet.conv_in.weight", 1), ("unet.conv_out.weight", 0), ("unet.conv_out.bias", 0)):
        shape = list(weights[name].shape)
        shape[axis] = channels - shape[axis]
        grown[name] = torch.cat([weights[name], torch.zeros(shape)], axis)
    return grown


def load_start(model: nn.Module, folder: Path) -> None:
    """Load the weights that training starts from, if ``folder`` has some. Heads that are not shipped stay as they are.

    Raises:
        ValueError: If the weights are of another architecture.
    """
    if (folder / START).is_file():
        missing, unexpected = model.load_state_dict(load_file(folder / START), strict=False)
        if unexpected or any(name.startswith(PARTS) for name in missing):
            raise ValueError(f"{folder / START} is of another architecture: it lacks {missing}, and has {unexpected}.")
