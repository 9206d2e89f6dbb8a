"""Trains the judge on the training set of the embedded model, and says how often it is right about held-out pictures.

PYTHONPATH=tests python -m judge.train --folder RUN [--minutes 4]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn.functional import avg_pool2d, cross_entropy, interpolate

from judge.classifier import WEIGHTS, Judge, judge, to_tensor
from seal_sdk.pocket import world
from seal_sdk.pocket.train.data import TrainingSet

BATCH = 64


def labels(seeds: np.ndarray) -> torch.Tensor:
    """(N, 2) indices of species and scene."""
    samples = [world.sample(int(seed)) for seed in seeds]
    return torch.tensor([[world.SPECIES.index(s.identity.species), world.SCENES.index(s.scene.name)] for s in samples])


def roughened(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Some of the images blurred or noisy, as a generator draws them."""
    blurred = interpolate(avg_pool2d(images, 2), scale_factor=2, mode="bilinear")
    images = torch.where(torch.rand(len(images), 1, 1, 1, generator=generator) < 0.3, blurred, images)
    strength = 0.25 * torch.rand(len(images), 1, 1, 1, generator=generator)
    return images + strength * torch.randn(images.shape, generator=generator)


def train(folder: Path, minutes: float) -> Judge:
    data = TrainingSet.open(folder)
    photos = np.flatnonzero(data.kinds[: len(data)] == world.KINDS.index("photo"))
    truth = labels(photos)
    torch.manual_seed(0)
    model, generator, rng = Judge(), torch.Generator().manual_seed(0), np.random.default_rng(0)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=0.02)
    started = time.monotonic()
    while (progress := (time.monotonic() - started) / 60 / minutes) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - progress)
        picked = np.sort(rng.integers(0, len(photos), BATCH))
        species, scenes = model(roughened(to_tensor(data.images[photos[picked]]), generator))
        loss = cross_entropy(species, truth[picked, 0]) + cross_entropy(scenes, truth[picked, 1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def accuracy(count: int = 1000) -> tuple[float, float]:
    """How often species and scene of held-out pictures are right."""
    seeds = range(500_000, 500_000 + count)
    samples = [world.sample(seed) for seed in seeds]
    images = np.stack([world.render(s.identity, s.pose, s.scene).image for s in samples])
    told = judge(images)
    right = [(told[i][0] == s.identity.species, told[i][1] == s.scene.name) for i, s in enumerate(samples)]
    return tuple(float(np.mean(column)) for column in zip(*right, strict=True))  # type: ignore[return-value]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=4)
    arguments = parser.parse_args()
    model = train(arguments.folder, arguments.minutes)
    save_file({name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}, WEIGHTS)
    print("held-out species and scenes right: {:.3f} {:.3f}".format(*accuracy()))


if __name__ == "__main__":
    main()
