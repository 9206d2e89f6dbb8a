"""Trains the segmenter: ``python -m seal_sdk.evaluation.training.segmenter``."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from seal_sdk.evaluation.networks.segmenter import WEIGHTS, Segmenter
from seal_sdk.evaluation.networks.unet import to_input
from seal_sdk.evaluation.training.loop import BATCH, augment, fit, renderings, save, training_options
from seal_sdk.pocket import world


def photos(seeds: range) -> tuple[np.ndarray, np.ndarray]:
    """Photos, uint8 (N, 128, 128, 3), and the masks of their subjects, bool (N, 128, 128)."""
    rendered = [rendering for _, rendering in renderings(seeds)]
    return np.stack([each.image for each in rendered]), np.stack([each.mask for each in rendered])


def loss_of(logits: Tensor, masks: Tensor) -> Tensor:
    """Binary cross-entropy plus half the Dice loss. logits, masks: (B, S, S)."""
    found = logits.sigmoid()
    overlap = 2 * (found * masks).sum((1, 2)) / (found.sum((1, 2)) + masks.sum((1, 2)))
    return F.binary_cross_entropy_with_logits(logits, masks) + 0.5 * (1 - overlap).mean()


def train(pictures: np.ndarray, masks: np.ndarray, steps: int, *, batch: int = BATCH, seed: int = 0) -> Segmenter:
    """A trained segmenter. One seed gives one result on one machine."""

    def loss(model: Segmenter, chosen: np.ndarray, generator: torch.Generator) -> Tensor:
        truth = torch.from_numpy(masks[chosen]).float()
        return loss_of(model(augment(to_input(pictures[chosen]), generator)), truth)

    return fit(Segmenter, loss, len(pictures), steps, batch=batch, seed=seed)


def mean_iou(model: Segmenter, pictures: np.ndarray, masks: np.ndarray) -> float:
    """Mean intersection over union with the true masks."""
    with torch.inference_mode():
        found = np.concatenate(
            [(model(to_input(part)) > 0).numpy() for part in np.array_split(pictures, max(len(pictures) // 16, 1))]
        )
    return float(np.mean((found & masks).sum((1, 2)) / (found | masks).sum((1, 2))))


@click.command()
@training_options(photos=3000, steps=1200, out=WEIGHTS)
def main(count: int, steps: int, out: Path) -> None:
    """Train the benchmark's segmenter and write its weights, float16."""
    model = train(*photos(range(count)), steps)
    save(model, out)
    click.echo(f"{out}: mean IoU {mean_iou(model, *photos(world.VALIDATION[:200])):.4f} on 200 validation photos")


if __name__ == "__main__":
    main()
