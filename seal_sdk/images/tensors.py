"""Torch's tensors as arrays. Torch itself is never imported: whoever has a tensor has imported it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

MOST_CHANNELS = 4
Pixels = TypeVar("Pixels", "Tensor", NDArray[Any])


def is_tensor(source: object) -> TypeGuard[Tensor]:
    """Whether this is a tensor of torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(source, torch.Tensor)


def tensor_pixels(tensor: Tensor) -> NDArray[Any]:
    """A tensor (H, W), (C, H, W) or (1, C, H, W) as an array (H, W) or (H, W, C); floats are fp32.

    (H, W, C) stays as it is if only the last axis can be channels.
    """
    pixels = tensor.detach().cpu()
    pixels = single(pixels.float() if pixels.is_floating_point() else pixels)
    channels_first = pixels.ndim == 3 and (pixels.shape[0] <= MOST_CHANNELS or pixels.shape[2] > MOST_CHANNELS)
    return np.asarray((pixels.permute(1, 2, 0) if channels_first else pixels).numpy())


def float_batch(source: object) -> Tensor | None:
    """A tensor of floats (C, H, W) or (N, C, H, W) as a batch; None for anything else."""
    if not is_tensor(source) or not source.is_floating_point() or source.ndim not in (3, 4):
        return None
    return source if source.ndim == 4 else source[None]


def single(batch: Pixels) -> Pixels:
    """The image of a batch of one, (1, ., ., .); anything else as it is."""
    return batch[0] if batch.ndim == 4 and batch.shape[0] == 1 else batch
