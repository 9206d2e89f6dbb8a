"""Trains the pattern namer: ``python -m seal_sdk.evaluation.training.patterns``."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from seal_sdk.evaluation.networks.patterns import WEIGHTS, PatternNamer
from seal_sdk.evaluation.networks.unet import to_input
from seal_sdk.evaluation.questions.coats import shows_pattern
from seal_sdk.evaluation.training.loop import BATCH, augment, fit, renderings, save, training_options
from seal_sdk.pocket import world
from seal_sdk.pocket.train.loop import norms_in_fp32

_ASTRAY = 2  # pixels by which masks are moved at most: generated subjects do not fill the true mask exactly


class Photos(NamedTuple):
    """Training or validation data.

    Attributes:
        images: uint8 (N, 128, 128, 3).
        masks: bool (N, 128, 128).
        patterns: int64 (N,), indices into `world.PATTERNS`.
    """

    images: np.ndarray
    masks: np.ndarray
    patterns: np.ndarray


def photos(seeds: range) -> Photos:
    """The photos of some seeds with their subjects' masks and patterns, without those in which a pattern is not seen."""
    shown = [
        (rendering, sample.identity.pattern)
        for sample, rendering in renderings(seeds)
        if sample.identity.pattern == "plain" or shows_pattern(sample.identity, sample.pose)
    ]
    return Photos(
        np.stack([rendering.image for rendering, _ in shown]),
        np.stack([rendering.mask for rendering, _ in shown]),
        np.array([world.PATTERNS.index(pattern) for _, pattern in shown]),
    )


def train(data: Photos, steps: int, *, batch: int = BATCH, seed: int = 0) -> PatternNamer:
    """A trained pattern namer. One seed gives one result on one machine."""

    def loss(model: PatternNamer, chosen: np.ndarray, generator: torch.Generator) -> Tensor:
        pictures, masks = _flawed(data, chosen, generator)
        mirrored = torch.rand((len(chosen), 1, 1), generator=generator) < 0.5
        pictures = torch.where(mirrored[..., None], pictures.flip(-1), pictures)
        masks = torch.where(mirrored, masks.flip(-1), masks)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(pictures.contiguous(memory_format=torch.channels_last), masks)
        return F.cross_entropy(logits.float(), torch.from_numpy(data.patterns[chosen]))

    return fit(_make, loss, len(data.images), steps, batch=batch, seed=seed)


def _make() -> PatternNamer:
    """An untrained pattern namer, in a layout that is fast in bfloat16 on a CPU."""
    model = PatternNamer().to(memory_format=torch.channels_last)
    norms_in_fp32(model)
    return model


def _flawed(data: Photos, chosen: np.ndarray, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Augmented images (B, 3, S, S), and masks (B, S, S) that are off by up to `_ASTRAY` pixels."""
    pictures = augment(to_input(data.images[chosen]), generator)
    masks = torch.from_numpy(data.masks[chosen]).float()
    shifts = torch.randint(-_ASTRAY, _ASTRAY + 1, (len(chosen), 2), generator=generator).tolist()
    return pictures, torch.stack([mask.roll(tuple(by), (0, 1)) for mask, by in zip(masks, shifts, strict=True)])


def accuracy(model: PatternNamer, data: Photos, augmented: bool = False) -> float:
    """The share of photos whose pattern is named right.

    augmented: Whether images and masks have the flaws of generated ones, with a fixed seed.
    """
    generator, right = torch.Generator().manual_seed(0), []
    for part in np.array_split(np.arange(len(data.images)), max(len(data.images) // 16, 1)):
        if augmented:
            pictures, masks = _flawed(data, part, generator)
        else:
            pictures, masks = to_input(data.images[part]), torch.from_numpy(data.masks[part]).float()
        with torch.inference_mode():
            right.append(model.shares(pictures, masks).argmax(-1).numpy() == data.patterns[part])
    return float(np.concatenate(right).mean())


@click.command()
@training_options(photos=12000, steps=5000, out=WEIGHTS)
def main(count: int, steps: int, out: Path) -> None:
    """Train the benchmark's pattern namer and write its weights, float16."""
    model = train(photos(range(count)), steps)
    save(model, out)
    held = photos(world.VALIDATION[:500])
    for name, augmented in (("clean", False), ("augmented", True)):
        click.echo(f"{out}: {accuracy(model, held, augmented):.1%} of {len(held.images)} {name} validation photos")


if __name__ == "__main__":
    main()
