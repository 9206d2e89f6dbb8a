"""Where the subject of a drawn picture is, as seen by a small network that the method itself never uses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle

from seal_sdk.errors import WeightsNotFound

WEIGHTS = Path(__file__).parent / "assets" / "segmenter.safetensors"
SIZE = 128  # pixels a side that it sees
_CHANNELS = (16, 32, 48, 64)


class Segmenter(nn.Module):
    """A U-Net of 0.2 M parameters over the picture and its pixel coordinates.

    Trained on photos of the world by ``python -m seal_sdk.evaluation.segmenter_training``; it
    never sees a prompt, a structure image or the truth. Mean IoU with the true masks of validation photos: 0.96, and
    0.94 to 0.96 where they are blurred, tinted, greyed, noisy or decoded by Pocket's VAE, as drawn pictures are.
    (Pocket's subject finder, which the method uses and which therefore is no judge, reaches 0.89.)
    """

    def __init__(self) -> None:
        super().__init__()
        inputs = (3 * 4 + 2, *_CHANNELS[:-1])  # it works on squares of 2 x 2 pixels
        self.down = nn.ModuleList(_block(i, o) for i, o in zip(inputs, _CHANNELS, strict=True))
        self.up = nn.ModuleList(_block(i + o, o) for i, o in zip(_CHANNELS[1:], _CHANNELS[:-1], strict=True))
        self.head = nn.Conv2d(_CHANNELS[0], 4, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, S, S) in [-1, 1] -> logits (B, S, S), positive on the subject."""
        squares = pixel_unshuffle(pictures, 2)
        batch, _, height, width = squares.shape
        y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
        grid = torch.stack([x, y]).to(squares).expand(batch, 2, height, width)
        hidden, skips = torch.cat([squares, grid], 1), []
        for level, block in enumerate(self.down):
            hidden = block(hidden if level == 0 else nn.functional.avg_pool2d(hidden, 2))
            skips.append(hidden)
        for block, skip in zip(reversed(self.up), reversed(skips[:-1]), strict=True):
            hidden = block(torch.cat([interpolate(hidden, scale_factor=2), skip], 1))
        return pixel_shuffle(self.head(hidden), 2)[:, 0]


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.GroupNorm(8, outputs),
        nn.SiLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.GroupNorm(8, outputs),
        nn.SiLU(),
    )


def to_input(pictures: np.ndarray) -> Tensor:
    """uint8 (B, S, S, 3) -> float (B, 3, S, S) in [-1, 1]."""
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def load_segmenter(path: Path = WEIGHTS) -> Segmenter:
    """The trained segmenter. Raises WeightsNotFound."""
    if not path.is_file():
        raise WeightsNotFound(f"There is no {path}: train it with python -m seal_sdk.evaluation.segmenter_training.")
    model = Segmenter()
    model.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return model.eval()


def subject_mask(segmenter: Segmenter, image: np.ndarray) -> np.ndarray:
    """Where the subject of a picture (H, W, 3) uint8 of the world is: (H, W) bool. Empty where there is none."""
    seen = np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BOX))
    with torch.inference_mode():
        logits = segmenter(to_input(seen[None]))[None]
    return (interpolate(logits, size=image.shape[:2], mode="bilinear")[0, 0] > 0).numpy()
