"""Trains the joint finder: ``python -m seal_sdk.evaluation.training.joints``."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import torch
from torch import Tensor

from seal_sdk.evaluation.metrics.joint_distance import joint_distances
from seal_sdk.evaluation.networks.joints import CELL, CELLS, CHANNELS, JOINTS, WEIGHTS, JointFinder, decode
from seal_sdk.evaluation.networks.unet import SIZE, to_input
from seal_sdk.evaluation.training.loop import BATCH, augment, fit, renderings, save, training_options
from seal_sdk.pocket import world
from seal_sdk.pocket.train.loop import norms_in_fp32

_SPREAD = 0.8  # standard deviation of the target heatmaps around a true joint, in cells
NEAR = 6.0  # pixels of `SIZE` within which a joint counts as found


class Photos(NamedTuple):
    """Training or validation data.

    Attributes:
        images: uint8 (N, 128, 128, 3).
        points: float32 (N, len(JOINTS), 2), (x, y) in pixels; NaN for joints that the species lacks.
        species: N names.
    """

    images: np.ndarray
    points: np.ndarray
    species: list[str]


class Accuracy(NamedTuple):
    """Mean and median distance to the true joints, in pixels of 128, and the share of joints within `NEAR`."""

    mean: float
    median: float
    near: float


def photos(seeds: range) -> Photos:
    """The photos of some seeds with their joints."""
    images = np.empty((len(seeds), SIZE, SIZE, 3), np.uint8)
    points = np.full((len(seeds), len(JOINTS), 2), np.nan, np.float32)
    species = []
    for index, (sample, rendering) in enumerate(renderings(seeds)):
        images[index] = rendering.image
        points[index, CHANNELS[sample.identity.species]] = rendering.keypoints
        species.append(sample.identity.species)
    return Photos(images, points, species)


def targets(points: Tensor) -> Tensor:
    """Points (B, J, 2) in pixels -> heatmaps (B, J, CELLS, CELLS) that sum to one; all zero for points that are NaN."""
    centers = torch.arange(CELLS) + 0.5
    x, y = (torch.exp(-((centers - points[..., axis, None] / CELL) ** 2) / (2 * _SPREAD**2)) for axis in (0, 1))
    heat = y[..., :, None] * x[..., None, :]
    return torch.nan_to_num(heat / heat.sum((-2, -1), keepdim=True))


def loss_of(logits: Tensor, points: Tensor) -> Tensor:
    """Cross-entropy of heatmap logits (B, J, CELLS, CELLS) with `targets`, averaged over the joints that are not NaN."""
    known = torch.isfinite(points).all(-1)
    entropy = -(targets(points).flatten(2) * logits.float().flatten(2).log_softmax(-1)).sum(-1)
    return entropy[known].mean()


def mirror(pictures: Tensor, points: Tensor, mirrored: Tensor) -> tuple[Tensor, Tensor]:
    """Flip images (B, 3, S, S) and points (B, J, 2) horizontally if ``mirrored``, (B,) bool. Near limbs stay near."""
    flipped = torch.stack([SIZE - points[..., 0], points[..., 1]], -1)
    return (
        torch.where(mirrored[:, None, None, None], pictures.flip(-1), pictures),
        torch.where(mirrored[:, None, None], flipped, points),
    )


def train(data: Photos, steps: int, *, batch: int = BATCH, seed: int = 0) -> JointFinder:
    """A trained joint finder. One seed gives one result on one machine."""

    def loss(model: JointFinder, chosen: np.ndarray, generator: torch.Generator) -> Tensor:
        mirrored = torch.rand(len(chosen), generator=generator) < 0.5
        pictures, points = mirror(to_input(data.images[chosen]), torch.from_numpy(data.points[chosen]), mirrored)
        pictures = augment(pictures, generator).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(pictures)
        return loss_of(logits, points)

    return fit(_make, loss, len(data.images), steps, batch=batch, seed=seed)


def _make() -> JointFinder:
    """An untrained joint finder, in a layout that is fast in bfloat16 on a CPU."""
    model = JointFinder().to(memory_format=torch.channels_last)
    norms_in_fp32(model)
    return model


def accuracy(model: JointFinder, data: Photos, augmented: bool = False) -> Accuracy:
    """Accuracy of the found joints, by `joint_distances`.

    augmented: Whether to `augment` the images first, with a fixed seed.
    """
    generator = torch.Generator().manual_seed(0)
    distances = []
    for part in np.array_split(np.arange(len(data.images)), max(len(data.images) // 16, 1)):
        pictures = to_input(data.images[part])
        with torch.inference_mode():
            found = decode(model(augment(pictures, generator) if augmented else pictures))[0].numpy()
        for index, points in zip(part, found, strict=True):
            channels = CHANNELS[data.species[index]]
            distances.append(joint_distances(points[channels], data.points[index, channels], data.species[index]))
    every = np.concatenate(distances)
    return Accuracy(float(every.mean()), float(np.median(every)), float((every <= NEAR).mean()))


@click.command()
@training_options(photos=12000, steps=2700, out=WEIGHTS)
def main(count: int, steps: int, out: Path) -> None:
    """Train the benchmark's joint finder and write its weights, float16."""
    model = train(photos(range(count)), steps)
    save(model, out)
    held = photos(world.VALIDATION[:500])
    for name, augmented in (("clean", False), ("augmented", True)):
        mean, median, near = accuracy(model, held, augmented)
        click.echo(
            f"{out}: mean {mean:.2f}, median {median:.2f} pixels of {SIZE}, {near:.1%} within {NEAR:.0f}, "
            f"on {len(held.images)} {name} validation photos"
        )


if __name__ == "__main__":
    main()
