"""The pattern namer: a small network that names the pattern of the subject in a generated image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from seal_sdk.evaluation.networks.unet import SIZE, load, seen
from seal_sdk.pocket import world

WEIGHTS = Path(__file__).parent / "assets" / "patterns.safetensors"
_CHANNELS = (16, 32, 48, 64, 96)


class PatternNamer(nn.Module):
    """A convolutional network of 0.26 M parameters that sees the subject alone: the rest of the image is blackened."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (4, *_CHANNELS[:-1])
        self.blocks = nn.Sequential(*(_block(i, o) for i, o in zip(inputs, _CHANNELS, strict=True)))
        self.head = nn.Linear(2 * _CHANNELS[-1], len(world.PATTERNS))

    def forward(self, pictures: Tensor, masks: Tensor) -> Tensor:
        """Name patterns.

        Args:
            pictures: (B, 3, SIZE, SIZE) in [-1, 1].
            masks: (B, SIZE, SIZE) in {0, 1}, the subjects.

        Returns:
            Logits (B, len(world.PATTERNS)).
        """
        features = self.blocks(torch.cat([(pictures + 1) * masks[:, None] - 1, masks[:, None]], 1)).flatten(2)
        logits: Tensor = self.head(torch.cat([features.mean(-1), features.amax(-1)], 1))
        return logits


def _block(inputs: int, outputs: int) -> nn.Sequential:
    """A block of half the resolution."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=2, padding=1),
        nn.GroupNorm(8, outputs),
        nn.SiLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.GroupNorm(8, outputs),
        nn.SiLU(),
    )


def load_pattern_namer(path: Path = WEIGHTS) -> PatternNamer:
    """The trained pattern namer. Raises WeightsNotFound."""
    return load(PatternNamer(), path, "seal_sdk.evaluation.training.patterns")


def name_pattern(namer: PatternNamer, image: np.ndarray, mask: np.ndarray) -> str:
    """The pattern, one of `world.PATTERNS`, of the subject at the mask (H, W), bool, in an image, uint8 (H, W, 3)."""
    small = Image.fromarray(mask).resize((SIZE, SIZE), Image.Resampling.NEAREST)
    with torch.inference_mode():
        logits = namer(seen(image), torch.from_numpy(np.array(small)).float()[None])
    return world.PATTERNS[int(logits[0].argmax())]
