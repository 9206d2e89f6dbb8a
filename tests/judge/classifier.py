"""The judge itself: a small convolutional network, its weights, and how it is asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from seal_sdk.pocket import world

WEIGHTS = Path(__file__).parent / "judge.safetensors"
WIDTHS = (24, 48, 96, 128)


class Judge(nn.Module):
    """Logits of species (B, 5) and scenes (B, 9) of images (B, 3, 128, 128) in [-1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        channels, blocks = 3, []
        for width in WIDTHS:
            blocks += [nn.Conv2d(channels, width, 5, stride=2, padding=2), nn.GroupNorm(8, width), nn.SiLU()]
            channels = width
        self.features = nn.Sequential(*blocks, nn.Conv2d(channels, channels, 3, padding=1), nn.SiLU())
        self.species = nn.Linear(channels * 16, len(world.SPECIES))
        self.scenes = nn.Linear(channels * 16, len(world.SCENES))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = nn.functional.adaptive_avg_pool2d(self.features(images), 4).flatten(1)
        return self.species(features), self.scenes(features)


def to_tensor(images: np.ndarray) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.no_grad()
def judge(images: np.ndarray) -> list[tuple[str, str]]:
    """The species and the scene of each image (B, 128, 128, 3) uint8."""
    model = Judge()
    model.load_state_dict({name: tensor.float() for name, tensor in load_file(WEIGHTS).items()})
    species, scenes = model(to_tensor(images))
    return [
        (world.SPECIES[one], world.SCENES[other])
        for one, other in zip(species.argmax(1).tolist(), scenes.argmax(1).tolist(), strict=True)
    ]
