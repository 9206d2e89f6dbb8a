"""The small U-Net that the measuring networks share, and the preparation of its input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, pixel_unshuffle

from seal_sdk.errors import WeightsNotFound

SIZE = 128  # pixels a side of the networks' input

Model = TypeVar("Model", bound=nn.Module)


class UNet(nn.Module):
    """A U-Net over an image in patches, with the pixel coordinates as two more input channels.

    Args:
        channels: Channels of each level; each level has half the resolution of the one before.
        outputs: Output channels.
        squares: Side of a patch in pixels. The output has one position per patch.
    """

    def __init__(self, channels: Sequence[int], outputs: int, squares: int) -> None:
        super().__init__()
        self.squares = squares
        inputs = (3 * squares**2 + 2, *channels[:-1])
        self.down = nn.ModuleList(_block(i, o) for i, o in zip(inputs, channels, strict=True))
        self.up = nn.ModuleList(_block(i + o, o) for i, o in zip(channels[1:], channels[:-1], strict=True))
        self.head = nn.Conv2d(channels[0], outputs, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, S, S) in [-1, 1] -> (B, outputs, S / squares, S / squares)."""
        patches = pixel_unshuffle(pictures, self.squares)
        batch, _, height, width = patches.shape
        y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
        grid = torch.stack([x, y]).to(patches).expand(batch, 2, height, width)
        hidden, skips = torch.cat([patches, grid], 1), []
        for level, block in enumerate(self.down):
            hidden = block(hidden if level == 0 else avg_pool2d(hidden, 2))
            skips.append(hidden)
        for block, skip in zip(reversed(self.up), reversed(skips[:-1]), strict=True):
            hidden = block(torch.cat([interpolate(hidden, scale_factor=2), skip], 1))
        output: Tensor = self.head(hidden)
        return output


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.GroupNorm(8, outputs),
        nn.SiLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.GroupNorm(8, outputs),
        nn.SiLU(),
    )


def load(model: Model, path: Path, training: str) -> Model:
    """The model with the weights of a file, in evaluation mode.

    Raises:
        WeightsNotFound: If there is no such file. The message names the module ``training`` that makes it.
    """
    if not path.is_file():
        raise WeightsNotFound(f"There is no {path}: train it with python -m {training}.")
    model.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return model.eval()


def to_input(pictures: np.ndarray) -> Tensor:
    """uint8 (B, S, S, 3) -> float (B, 3, S, S) in [-1, 1]."""
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def seen(image: np.ndarray) -> Tensor:
    """An image uint8 (H, W, 3) of any size -> (1, 3, SIZE, SIZE) in [-1, 1]."""
    return to_input(np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BOX))[None])
