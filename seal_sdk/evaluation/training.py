"""What the trainings of the benchmark's networks share: photos of the world, spoilt as drawn pictures are, and the loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import click
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from seal_sdk.pocket import world

BATCH, RATE = 16, 3e-3

Model = TypeVar("Model", bound=nn.Module)


def renderings(seeds: range) -> Iterator[tuple[world.Sample, world.Rendering]]:
    """Each seed's sample and its photo, 128 pixels a side; progress is shown."""
    for sample in map(world.sample, tqdm(seeds, "rendering")):
        yield sample, world.render(sample.identity, sample.pose, sample.scene)


def spoil(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures (B, 3, S, S) in [-1, 1] with other colours, tints, blur, blotches, noise; one in four stays as it is."""
    batch, _, side, _ = pictures.shape

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand((batch, *shape), generator=generator) * (high - low) + low

    order = torch.stack([torch.randperm(3, generator=generator) for _ in range(batch)])
    permuted = torch.gather(pictures, 1, order[:, :, None, None].expand_as(pictures))
    spoilt = torch.where(uniform(0, 1, 1, 1, 1) < 0.3, permuted, pictures)
    spoilt = spoilt * uniform(0.6, 1.15, 1, 1, 1) + uniform(-0.15, 0.15, 3, 1, 1)
    coarse = uniform(-1, 1, 3, side // 16, side // 16) * uniform(0, 0.35, 1, 1, 1)
    spoilt = spoilt + F.interpolate(coarse, size=(side, side), mode="bicubic")
    soft = F.interpolate(F.avg_pool2d(spoilt, 4), size=(side, side), mode="bilinear")
    softer = F.avg_pool2d(F.pad(spoilt, (2,) * 4, mode="replicate"), 5, 1)
    blur = uniform(0, 1, 1, 1, 1)
    spoilt = torch.where(blur < 0.25, soft, torch.where(blur < 0.5, softer, spoilt))
    spoilt = spoilt + torch.randn(spoilt.shape, generator=generator) * uniform(0, 0.1, 1, 1, 1)
    return torch.where(uniform(0, 1, 1, 1, 1) < 0.25, pictures, spoilt.clamp(-1, 1))


def fit(
    make: Callable[[], Model],
    loss_of: Callable[[Model, np.ndarray, torch.Generator], Tensor],
    count: int,
    steps: int,
    *,
    batch: int = BATCH,
    seed: int = 0,
) -> Model:
    """A model trained for some steps on examples 0 to ``count``; one seed gives one result on one machine.

    loss_of: the loss of a model on the examples of these indices (B,); all its randomness is the generator's.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = make()
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * step / steps))
    )
    started = time.monotonic()
    for step in range(steps):
        chosen = torch.randint(count, (batch,), generator=generator).numpy()
        loss = loss_of(model, chosen, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            click.echo(f"{step + 1} of {steps}, {time.monotonic() - started:.0f} s, loss {loss.item():.4f}", err=True)
    return model.eval()


def save(model: nn.Module, path: Path) -> None:
    """Write a model's weights, float16; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.half().contiguous() for name, value in model.state_dict().items()}, path)
