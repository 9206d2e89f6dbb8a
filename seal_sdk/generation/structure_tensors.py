"""Structure images that are tensors made for a ControlNet: it sees their numbers as they are, also those that are no colours.

ControlNets for inpainting mark what is to be painted by -1, and numbers in fp32 are finer than a picture's 256 levels.
"""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from seal_sdk.generation.structure import AlignedStructure, StructureInput
from seal_sdk.images import float_batch, read_image


def as_given(structure: StructureInput, canvas: tuple[int, int]) -> AlignedStructure | None:
    """A structure whose images are float tensors (3, H, W) or (1, 3, H, W) of the canvas's (width, height); None for any other."""
    tensors = tuple(_tensor(each, canvas) for each in structure.images)
    known = tuple(each for each in tensors if each is not None)
    if not known or len(known) < len(tensors):
        return None
    first, *others = map(_shown, known)
    return AlignedStructure(first, None, tuple(others), known)


def _tensor(image: object, canvas: tuple[int, int]) -> Tensor | None:
    """As (1, 3, H, W)."""
    batch = float_batch(image)
    if batch is None or tuple(batch.shape) != (1, 3, canvas[1], canvas[0]):
        return None
    return batch if torch.isfinite(batch).all() else None


def _shown(tensor: Tensor) -> Image.Image:
    """The picture that comes nearest."""
    return read_image(tensor[0].detach().float().clamp(0, 1))
