"""The classifier: a small convolutional network and its weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from seal_sdk.evaluation.networks.unet import to_input
from seal_sdk.pocket import world
from seal_sdk.pocket.train.data import BODY_CLASSES

WEIGHTS = Path(__file__).parent / "judge.safetensors"
WIDTHS = (24, 48, 96)
DEEP = 128


class Judge(nn.Module):
    """Classifies images (B, 3, 128, 128) in [-1, 1]. Returns logits of species (B, 5) and of scenes (B, 9).

    Attributes:
        parts: (B, BODY_CLASSES, 16, 16) of the last forward pass, logits of the body's part at each place. Only the
            training uses them.
    """

    def __init__(self) -> None:
        super().__init__()
        channels, blocks = 3, []
        for width in WIDTHS:
            blocks += [_conv(channels, width, 5, stride=2), _conv(width, width, 3)]
            channels = width
        self.features = nn.Sequential(*blocks, _conv(channels, channels, 3))
        self.parts_head = nn.Conv2d(channels, BODY_CLASSES, 1)
        self.deep = nn.Sequential(_conv(channels, DEEP, 3, stride=2), _conv(DEEP, DEEP, 3))
        self.species = nn.Linear(2 * DEEP, len(world.SPECIES))
        self.scenes = nn.Linear(DEEP * 16, len(world.SCENES))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(images)
        self.parts = self.parts_head(features)
        deep = self.deep(features)
        everywhere = nn.functional.adaptive_avg_pool2d(deep, 4).flatten(1)
        return self.species(torch.cat([deep.mean((2, 3)), deep.amax((2, 3))], 1)), self.scenes(everywhere)


def _conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2), nn.GroupNorm(8, outputs), nn.SiLU()
    )


@torch.no_grad()
def judge(images: np.ndarray) -> list[tuple[str, str]]:
    """Return the most likely species and scene of each image (B, 128, 128, 3) uint8."""
    model = Judge()
    model.load_state_dict({name: tensor.float() for name, tensor in load_file(WEIGHTS).items()})
    species, scenes = model(to_input(images))
    return [
        (world.SPECIES[one], world.SCENES[other])
        for one, other in zip(species.argmax(1).tolist(), scenes.argmax(1).tolist(), strict=True)
    ]
