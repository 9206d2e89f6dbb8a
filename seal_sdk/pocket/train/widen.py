"""A wider UNet that begins as the narrow one (Net2Net, arXiv 1511.05641): half as many channels again, copies of the first half.

What reads a copied channel shares its weight between original and copy, by random shares so that the two grow apart.
The wide UNet draws nearly what the narrow one drew: layer norms see some channels twice, group norms over joined channels
are cut elsewhere. Some hundred steps of training mend that.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from diffusers.models.embeddings import get_timestep_embedding
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from seal_sdk.pocket.models import build_unet
from seal_sdk.pocket.train.shipped import START

JOINED = re.compile(r"up_blocks\.\d+\.resnets\.\d+\.(norm1|conv1\.weight|conv_shortcut\.weight)")
GATED = "ff.net.0.proj"  # hidden channels, then their gates
RIDGE = 1.0
TIME_INPUT = "time_embedding.linear_1.weight"


def widen(narrow: dict[str, Tensor], wide: nn.Module) -> dict[str, Tensor]:
    """Weights for ``wide`` that do nearly what ``narrow`` did. Raises ValueError where the widths do not fit."""
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
    inputs = axis == 1
    parts = [tensor.shape[axis]]
    if GATED in name and not inputs:
        parts = [tensor.shape[0] // 2] * 2
    elif JOINED.match(name) and (inputs or "norm1" in name):
        first = hidden[".".join(name.split(".")[:4])]
        parts = [first, tensor.shape[axis] - first]
    grown = []
    for part in tensor.split(parts, axis):
        copied = part.narrow(axis, 0, part.shape[axis] // 2)
        rest = part.narrow(axis, part.shape[axis] // 2, part.shape[axis] - part.shape[axis] // 2)
        share = torch.empty_like(copied).uniform_(0.3, 0.7) if inputs else torch.ones_like(copied)
        grown += [copied * share, rest, copied * (1 - share) if inputs else copied]
    return torch.cat(grown, axis)


def _old_from_new(old: int, new: int) -> Tensor:
    """(old, new): the sinusoids of one width from those of another, by ridge regression over all timesteps.

    Without the ridge, weights of millions cancel each other, which half precision cannot follow.
    """
    steps = torch.arange(1000)
    before, after = (
        get_timestep_embedding(steps, width, flip_sin_to_cos=True, downscale_freq_shift=0) for width in (old, new)
    )
    after, before = after.double(), before.double()
    ridge = RIDGE * torch.eye(new, dtype=torch.float64)
    return torch.linalg.solve(after.T @ after + ridge, after.T @ before).T.float()


def channels_of(unet: dict[str, Tensor]) -> tuple[int, ...]:
    """The channels of each block of an SDXL UNet, from its weights."""
    blocks = {name.split(".")[1] for name in unet if name.startswith("down_blocks.")}
    return tuple(unet[f"down_blocks.{block}.resnets.0.conv2.weight"].shape[0] for block in sorted(blocks))


def hidden_channels(unet: dict[str, Tensor]) -> dict[str, int]:
    """What an up block's ResNets take beside their skips: the first the block before's channels, the others their own."""
    mirrored = list(reversed(channels_of(unet)))
    names = {name.rsplit(".conv1.weight")[0] for name in unet if JOINED.match(name) and name.endswith("conv1.weight")}
    found = {}
    for name in names:
        block, resnet = int(name.split(".")[1]), int(name.split(".")[3])
        found[name] = mirrored[max(block - 1, 0)] if resnet == 0 else mirrored[block]
    return found


def widen_start(folder: Path) -> None:
    """Make what the UNet of ``folder`` starts from as wide as `build_unet`; the text encoders stay.

    Raises ValueError where that is not half as wide again.
    """
    start = load_file(folder / START)
    narrow = {name.removeprefix("unet."): tensor for name, tensor in start.items() if name.startswith("unet.")}
    others = {name: tensor for name, tensor in start.items() if not name.startswith("unet.")}
    grown = widen(narrow, build_unet())
    save_file(others | {f"unet.{name}": tensor.contiguous() for name, tensor in grown.items()}, folder / START)
