"""Trains the benchmark's joint finder on photos of the world, spoilt in the ways that drawn pictures are spoilt."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import torch
from torch import Tensor

from seal_sdk.evaluation.joints import CELL, CELLS, CHANNELS, JOINTS, WEIGHTS, JointFinder, decode
from seal_sdk.evaluation.keypoints import joint_distances
from seal_sdk.evaluation.training import BATCH, fit, renderings, save, spoil
from seal_sdk.evaluation.unet import SIZE, to_input
from seal_sdk.pocket import world
from seal_sdk.pocket.train.loop import norms_in_fp32

_SPREAD = 0.8  # cells: the heatmaps' standard deviation around a true joint
NEAR = 6.0  # pixels of `SIZE` within which a joint counts as found


class Photos(NamedTuple):
    """images: uint8 (N, 128, 128, 3). points: float32 (N, len(JOINTS), 2), (x, y) in pixels; NaN where the species has
    no such joint. species: N names."""

    images: np.ndarray
    points: np.ndarray
    species: list[str]


class Accuracy(NamedTuple):
    """Distances to the true joints in pixels of 128, over all joints, and the share of joints within `NEAR`."""

    mean: float
    median: float
    near: float


def photos(seeds: range) -> Photos:
    """The photos of some seeds and where their joints are."""
    images = np.empty((len(seeds), SIZE, SIZE, 3), np.uint8)
    points = np.full((len(seeds), len(JOINTS), 2), np.nan, np.float32)
    species = []
    for index, (sample, rendering) in enumerate(renderings(seeds)):
        images[index] = rendering.image
        points[index, CHANNELS[sample.identity.species]] = rendering.keypoints
        species.append(sample.identity.species)
    return Photos(images, points, species)


def targets(points: Tensor) -> Tensor:
    """Points (B, J, 2) in pixels -> heatmaps (B, J, CELLS, CELLS) that sum to one; zero where a point is NaN."""
    middles = torch.arange(CELLS) + 0.5
    x, y = (torch.exp(-((middles - points[..., axis, None] / CELL) ** 2) / (2 * _SPREAD**2)) for axis in (0, 1))
    heat = y[..., :, None] * x[..., None, :]
    return torch.nan_to_num(heat / heat.sum((-2, -1), keepdim=True))


def loss_of(logits: Tensor, points: Tensor) -> Tensor:
    """Cross-entropy of the heatmaps, (B, J, CELLS, CELLS), with `targets`; mean over the joints that there are."""
    known = torch.isfinite(points).all(-1)
    crossed = -(targets(points).flatten(2) * logits.float().flatten(2).log_softmax(-1)).sum(-1)
    return crossed[known].mean()


def mirror(pictures: Tensor, points: Tensor, mirrored: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures (B, 3, S, S) and points (B, J, 2) seen in a mirror where told, (B,) bool: near stays near, far far."""
    flipped = torch.stack([SIZE - points[..., 0], points[..., 1]], -1)
    return (
        torch.where(mirrored[:, None, None, None], pictures.flip(-1), pictures),
        torch.where(mirrored[:, None, None], flipped, points),
    )


def train(data: Photos, steps: int, *, batch: int = BATCH, seed: int = 0) -> JointFinder:
    """A joint finder trained for some steps; one seed gives one result on one machine."""

    def loss(model: JointFinder, chosen: np.ndarray, generator: torch.Generator) -> Tensor:
        mirrored = torch.rand(len(chosen), generator=generator) < 0.5
        pictures, points = mirror(to_input(data.images[chosen]), torch.from_numpy(data.points[chosen]), mirrored)
        pictures = spoil(pictures, generator).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(pictures)
        return loss_of(logits, points)

    return fit(_fast, loss, len(data.images), steps, batch=batch, seed=seed)


def _fast() -> JointFinder:
    """A network that is fast in bfloat16 on a CPU."""
    model = JointFinder().to(memory_format=torch.channels_last)
    norms_in_fp32(model)
    return model


def accuracy(model: JointFinder, data: Photos, spoilt: bool = False) -> Accuracy:
    """How near the found joints are to the true ones, limbs swapped as `joint_distances` does.

    spoilt: `spoil` the pictures first, seeded.
    """
    generator = torch.Generator().manual_seed(0)
    distances = []
    for part in np.array_split(np.arange(len(data.images)), max(len(data.images) // 16, 1)):
        pictures = to_input(data.images[part])
        with torch.inference_mode():
            found = decode(model(spoil(pictures, generator) if spoilt else pictures))[0].numpy()
        for index, points in zip(part, found, strict=True):
            channels = CHANNELS[data.species[index]]
            distances.append(joint_distances(points[channels], data.points[index, channels], data.species[index]))
    every = np.concatenate(distances)
    return Accuracy(float(every.mean()), float(np.median(every)), float((every <= NEAR).mean()))


@click.command()
@click.option("--photos", "count", default=12000, show_default=True, help="Photos of the world to train on.")
@click.option("--steps", default=2700, show_default=True)
@click.option("--threads", default=0, help="CPU threads; 0: torch's choice.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=WEIGHTS)
def main(count: int, steps: int, threads: int, out: Path) -> None:
    """Train the benchmark's joint finder and write its weights, float16."""
    if threads:
        torch.set_num_threads(threads)
    model = train(photos(range(count)), steps)
    save(model, out)
    held = photos(world.VALIDATION[:500])
    for name, spoilt in (("clean", False), ("spoilt", True)):
        mean, median, near = accuracy(model, held, spoilt)
        click.echo(
            f"{out}: mean {mean:.2f}, median {median:.2f} pixels of {SIZE}, {near:.1%} within {NEAR:.0f}, "
            f"on {len(held.images)} {name} validation photos"
        )


if __name__ == "__main__":
    main()
