"""Trains the judge on the training set of the embedded model, and prints its accuracy on held-out images.

PYTHONPATH=tests python -m judge.train --folder RUN [--minutes 8]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn.functional import avg_pool2d, cross_entropy, interpolate

from judge.classifier import WEIGHTS, Judge, judge
from seal_sdk.evaluation.networks.unet import to_input
from seal_sdk.pocket import world
from seal_sdk.pocket.train.data import TrainingSet
from seal_sdk.pocket.train.loop import norms_in_fp32

BATCH, RATE = 64, 3e-3


def labels(seeds: np.ndarray) -> torch.Tensor:
    """Return the indices of species and scene (N, 2) of the seeds' samples."""
    samples = [world.sample(int(seed)) for seed in seeds]
    return torch.tensor([[world.SPECIES.index(s.identity.species), world.SCENES.index(s.scene.name)] for s in samples])


def degrade(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Blur some images (B, 3, H, W) and add noise, since generated images are less sharp than rendered ones."""
    blurred = interpolate(avg_pool2d(images, 2), scale_factor=2, mode="bilinear")
    images = torch.where(torch.rand(len(images), 1, 1, 1, generator=generator) < 0.3, blurred, images)
    strength = 0.25 * torch.rand(len(images), 1, 1, 1, generator=generator)
    return images + strength * torch.randn(images.shape, generator=generator)


def train(folder: Path, minutes: float) -> Judge:
    """Train a judge on the photos of a rendered training set."""
    data, parts = TrainingSet.open(folder), np.load(folder / "classes.npy", mmap_mode="r")
    photos = np.flatnonzero(data.kinds[: len(data)] == world.KINDS.index("photo"))
    truth = labels(photos)
    torch.manual_seed(0)
    model, generator, rng = Judge(), torch.Generator().manual_seed(0), np.random.default_rng(0)
    norms_in_fp32(model.to(memory_format=torch.channels_last))
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.05)
    started = time.monotonic()
    while (progress := (time.monotonic() - started) / 60 / minutes) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - progress)
        picked = np.sort(rng.integers(0, len(photos), BATCH))
        images = degrade(to_input(data.images[photos[picked]]), generator)
        bodies = torch.from_numpy(parts[photos[picked]].astype(np.int64))
        if rng.random() < 0.5:
            images, bodies = images.flip(-1), bodies.flip(-1)
        with torch.autocast("cpu", torch.bfloat16):
            species, scenes = model(images.contiguous(memory_format=torch.channels_last))
        loss = cross_entropy(species.float(), truth[picked, 0]) + cross_entropy(scenes.float(), truth[picked, 1])
        loss = loss + cross_entropy(model.parts.float(), bodies)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def accuracy(count: int = 1000) -> tuple[float, float]:
    """Return the share of held-out images whose species, and whose scene, is right."""
    seeds = range(500_000, 500_000 + count)
    samples = [world.sample(seed) for seed in seeds]
    images = np.stack([world.render(s.identity, s.pose, s.scene).image for s in samples])
    told = judge(images)
    species = [said == sample.identity.species for (said, _), sample in zip(told, samples, strict=True)]
    scenes = [said == sample.scene.name for (_, said), sample in zip(told, samples, strict=True)]
    return float(np.mean(species)), float(np.mean(scenes))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=8)
    arguments = parser.parse_args()
    model = train(arguments.folder, arguments.minutes)
    save_file({name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}, WEIGHTS)
    print("held-out species and scenes right: {:.3f} {:.3f}".format(*accuracy()))


if __name__ == "__main__":
    main()
