"""Training that goes on from the package's own weights instead of from nothing: its tokenizer, VAE, UNet and text encoders."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from diffusers import StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import CLIPTokenizer

from seal_sdk.pocket import PIPELINE_FOLDER
from seal_sdk.pocket.train.tokenizer import LENGTH, write_ids

START = "unet-start.safetensors"
PARTS = ("unet", "text_encoder", "text_encoder_2")


def begin_with_shipped(folder: Path) -> None:
    """Give a rendered ``folder`` the shipped tokenizer (and its captions' ids), VAE, and weights that the UNet starts from."""
    for part in ("tokenizer", "vae"):
        shutil.copytree(PIPELINE_FOLDER / part, folder / part, dirs_exist_ok=True)
    write_ids(folder, CLIPTokenizer.from_pretrained(folder / "tokenizer", model_max_length=LENGTH))
    pipe = StableDiffusionXLPipeline.from_pretrained(PIPELINE_FOLDER, dtype=torch.float32)
    weights = {
        f"{part}.{name}": tensor.contiguous()
        for part in PARTS
        for name, tensor in getattr(pipe, part).state_dict().items()
    }
    save_file(weights, folder / START)


def load_start(model: nn.Module, folder: Path) -> None:
    """Load what training starts from, if ``folder`` has it; the heads that are not shipped stay as they are."""
    if (folder / START).is_file():
        missing, unexpected = model.load_state_dict(load_file(folder / START), strict=False)
        if unexpected or any(name.startswith(PARTS) for name in missing):
            raise ValueError(f"{folder / START} is of another architecture: it lacks {missing}, and has {unexpected}.")
