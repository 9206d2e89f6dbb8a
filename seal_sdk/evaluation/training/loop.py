"""What the trainings share: photos of the world, augmentations, the training loop, and saving."""

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

Command = TypeVar("Command", bound=Callable[..., object])
Model = TypeVar("Model", bound=nn.Module)


def renderings(seeds: range) -> Iterator[tuple[world.Sample, world.Rendering]]:
    """The sample of each seed and its photo, 128 pixels a side. Shows progress."""
    for sample in map(world.sample, tqdm(seeds, "rendering", disable=None)):
        yield sample, world.render(sample.identity, sample.pose, sample.scene)


def augment(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Images (B, 3, S, S) in [-1, 1] with the flaws of generated ones: other colours, tints, blur, blotches and noise.

    A quarter of the images stays unchanged.
    """
    batch, _, side, _ = pictures.shape

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand((batch, *shape), generator=generator) * (high - low) + low

    order = torch.stack([torch.randperm(3, generator=generator) for _ in range(batch)])
    permuted = torch.gather(pictures, 1, order[:, :, None, None].expand_as(pictures))
    augmented = torch.where(uniform(0, 1, 1, 1, 1) < 0.3, permuted, pictures)
    augmented = augmented * uniform(0.6, 1.15, 1, 1, 1) + uniform(-0.15, 0.15, 3, 1, 1)
    coarse = uniform(-1, 1, 3, side // 16, side // 16) * uniform(0, 0.35, 1, 1, 1)
    augmented = augmented + F.interpolate(coarse, size=(side, side), mode="bicubic")
    soft = F.interpolate(F.avg_pool2d(augmented, 4), size=(side, side), mode="bilinear")
    softer = F.avg_pool2d(F.pad(augmented, (2,) * 4, mode="replicate"), 5, 1)
    blur = uniform(0, 1, 1, 1, 1)
    augmented = torch.where(blur < 0.25, soft, torch.where(blur < 0.5, softer, augmented))
    augmented = augmented + torch.randn(augmented.shape, generator=generator) * uniform(0, 0.1, 1, 1, 1)
    return torch.where(uniform(0, 1, 1, 1, 1) < 0.25, pictures, augmented.clamp(-1, 1))


def fit(
    make: Callable[[], Model],
    loss_of: Callable[[Model, np.ndarray, torch.Generator], Tensor],
    count: int,
    steps: int,
    *,
    batch: int = BATCH,
    seed: int = 0,
) -> Model:
    """Train a model. One seed gives one result on one machine.

    Args:
        make: Makes the untrained model.
        loss_of: The loss of a model on the examples with these indices (B,). It takes all randomness from the generator.
        count: Number of training examples.
        steps: Training steps.
        batch: Examples per step.
        seed: Seed of the weights, the batches and the augmentations.
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
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            click.echo(f"{step + 1} of {steps}, {time.monotonic() - started:.0f} s, loss {loss.item():.4f}", err=True)
    return model.eval()


def training_options(photos: int, steps: int, out: Path) -> Callable[[Command], Command]:
    """Add the options of a training: ``count`` photos, ``steps``, ``out``; and ``--threads``, which torch is told at once."""

    def add(command: Command) -> Command:
        options = (
            click.option(
                "--photos", "count", default=photos, show_default=True, help="Seeds of the photos to train on."
            ),
            click.option("--steps", default=steps, show_default=True),
            click.option(
                "--threads",
                default=0,
                help="CPU threads; 0: torch's choice.",
                expose_value=False,
                callback=lambda _context, _parameter, threads: torch.set_num_threads(threads) if threads else None,
            ),
            click.option("-o", "--out", type=click.Path(path_type=Path), default=out),
        )
        for option in reversed(options):
            command = option(command)
        return command

    return add


def save(model: nn.Module, path: Path) -> None:
    """Write a model's weights in float16. Creates the folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.half().contiguous() for name, value in model.state_dict().items()}, path)
