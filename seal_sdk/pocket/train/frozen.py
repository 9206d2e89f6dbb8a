"""What trains beside a UNet that stays as it is: the set, the shipped denoiser without gradients, and its tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import CLIPTokenizer

from seal_sdk.pocket.models import Denoiser, build_scheduler
from seal_sdk.pocket.train.shipped import load_start
from seal_sdk.pocket.train.tokenizer import token_ids
from seal_sdk.pocket.train.unet import UNetSet, new_denoiser


@dataclass(frozen=True, eq=False)
class FrozenDenoiser:
    """The shipped denoiser of a folder, on its device.

    Attributes:
        data: The folder's set.
        denoiser: None of its parameters asks for gradients.
        tokenizer: Its tokenizer.
        alphas: (T,), cumulative products of the scheduler's alphas.
    """

    data: UNetSet
    denoiser: Denoiser
    tokenizer: CLIPTokenizer
    alphas: Tensor

    @classmethod
    def open(cls, folder: Path, device: torch.device) -> FrozenDenoiser:
        """Open the set that was rendered and encoded in a folder, and the weights that training starts from."""
        denoiser, tokenizer = new_denoiser(folder)
        load_start(denoiser, folder)
        denoiser.to(device).requires_grad_(False)
        return cls(UNetSet.open(folder), denoiser, tokenizer, build_scheduler().alphas_cumprod.to(device))

    def ids(self, texts: Sequence[str]) -> Tensor:
        """Token ids (B, 77) of B captions."""
        return token_ids(self.tokenizer, texts).to(self.alphas.device)
