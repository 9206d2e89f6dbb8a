"""Net2Net widening (arXiv 1511.05641): a UNet with half as many channels again, the new ones copies of the first half.

A weight that reads a copied channel is split at random between original and copy, so that the two grow apart in training.
The wide UNet draws nearly the same images as the narrow one. They differ because layer norms see some channels twice, and
group norms over concatenated channels group them differently. Some hundred steps of training repair that.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from diffusers.models.embeddings import get_timestep_embedding
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from seal_sdk.pocket.design import Design
from seal_sdk.pocket.models import build_unet
from seal_sdk.pocket.train.shipped import START

CONCATENATED = re.compile(r"up_blocks\.\d+\.resnets\.\d+\.(norm1|conv1\.weight|conv_shortcut\.weight)")
GATED = "ff.net.0.proj"  # GEGLU: hidden channels, then their gates
RIDGE = 1.0
TIME_INPUT = "time_embedding.linear_1.weight"


def widen(narrow: dict[str, Tensor], wide: nn.Module) -> dict[str, Tensor]:
    """Return weights for ``wide`` that do nearly what ``narrow`` does.

    Args:
        narrow: State of the narrow UNet.
        wide: The wide UNet, half as wide again.

    Raises:
        ValueError: If the widths do not fit.
    """
    torch.manual_seed(0)
    hidden, grown = hidden_channels(narrow), {}
    for name, target in wide.state_dict().items():
        tensor = narrow[name]
        if name == TIME_INPUT:
            tensor = tensor @ _old_from_new(tensor.shape[1], target.shape[1])
        for axis in range(min(tensor.ndim, 2)):
            if tensor.shape[axis] != target.shape[axis]:
                tensor = _grow(name, tensor, axis, hidden)
        grown[name] = tensor
        if tensor.shape != target.shape:
            raise ValueError(f"{name}: {tuple(tensor.shape)} cannot become {tuple(target.shape)}.")
    return grown


def _grow(name: str, tensor: Tensor, axis: int, hidden: dict[str, int]) -> Tensor:
    """Widen one axis (0 outputs, 1 inputs), each part of concatenated channels on its own."""
    inputs = axis == 1
    parts = [tensor.shape[axis]]
    if GATED in name and not inputs:
        parts = [tensor.shape[0] // 2] * 2
    elif CONCATENATED.match(name) and (inputs or "norm1" in name):
        first = hidden[".".join(name.split(".")[:4])]
        parts = [first, tensor.shape[axis] - first]
    grown = []
    for part in torch.split(tensor, parts, axis):
        copied = part.narrow(axis, 0, part.shape[axis] // 2)
        rest = part.narrow(axis, part.shape[axis] // 2, part.shape[axis] - part.shape[axis] // 2)
        share = torch.empty_like(copied).uniform_(0.3, 0.7) if inputs else torch.ones_like(copied)
        grown += [copied * share, rest, copied * (1 - share) if inputs else copied]
    return torch.cat(grown, axis)


def _old_from_new(old: int, new: int) -> Tensor:
    """Map timestep embeddings of one width to those of another (old, new), by ridge regression over all timesteps.

    Without the ridge, weights of millions cancel each other, which half precision cannot represent.
    """
    steps = torch.arange(1000)
    before, after = (
        get_timestep_embedding(steps, width, flip_sin_to_cos=True, downscale_freq_shift=0) for width in (old, new)
    )
    after, before = after.double(), before.double()
    ridge = RIDGE * torch.eye(new, dtype=torch.float64)
    solved: Tensor = torch.linalg.solve(after.T @ after + ridge, after.T @ before)
    return solved.T.float()


def channels_of(unet: dict[str, Tensor]) -> tuple[int, ...]:
    """Read the channels of each block of an SDXL UNet from its weights."""
    blocks = {name.split(".")[1] for name in unet if name.startswith("down_blocks.")}
    return tuple(unet[f"down_blocks.{block}.resnets.0.conv2.weight"].shape[0] for block in sorted(blocks))


def hidden_channels(unet: dict[str, Tensor]) -> dict[str, int]:
    """Return the channels that each ResNet of the up blocks takes besides its skip connection.

    A block's first ResNet takes the channels of the block before, the others those of their own block.
    """
    mirrored = list(reversed(channels_of(unet)))
    names = {
        name.rsplit(".conv1.weight")[0] for name in unet if CONCATENATED.match(name) and name.endswith("conv1.weight")
    }
    found = {}
    for name in names:
        block, resnet = int(name.split(".")[1]), int(name.split(".")[3])
        found[name] = mirrored[max(block - 1, 0)] if resnet == 0 else mirrored[block]
    return found


def widen_start(folder: Path) -> None:
    """Widen the weights that the UNet in ``folder`` starts from to the widths of `build_unet`.

    The text encoders stay as they are.

    Raises:
        ValueError: If the new widths are not one and a half times the old ones.
    """
    start = load_file(folder / START)
    narrow = {name.removeprefix("unet."): tensor for name, tensor in start.items() if name.startswith("unet.")}
    others = {name: tensor for name, tensor in start.items() if not name.startswith("unet.")}
    grown = widen(narrow, build_unet(Design.of(folder)))
    save_file(others | {f"unet.{name}": tensor.contiguous() for name, tensor in grown.items()}, folder / START)
