"""Trains the benchmark's segmenter on photos of the world, spoilt in the ways that drawn pictures are spoilt."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from seal_sdk.evaluation.segmenter import WEIGHTS, Segmenter, to_input
from seal_sdk.pocket import world

BATCH, RATE = 16, 3e-3


def photos(seeds: range) -> tuple[np.ndarray, np.ndarray]:
    """Photos uint8 (N, 128, 128, 3) and the masks of their subjects bool (N, 128, 128)."""
    seen = [world.render(s.identity, s.pose, s.scene) for s in map(world.sample, tqdm(seeds, "rendering"))]
    return np.stack([each.image for each in seen]), np.stack([each.mask for each in seen])


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


def loss_of(logits: Tensor, masks: Tensor) -> Tensor:
    """Binary cross-entropy and dice."""
    seen = logits.sigmoid()
    overlap = 2 * (seen * masks).sum((1, 2)) / (seen.sum((1, 2)) + masks.sum((1, 2)))
    return F.binary_cross_entropy_with_logits(logits, masks) + 0.5 * (1 - overlap).mean()


def train(pictures: np.ndarray, masks: np.ndarray, steps: int, *, batch: int = BATCH, seed: int = 0) -> Segmenter:
    """A segmenter trained for some steps; one seed gives one result on one machine."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = Segmenter()
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / 100) * _cosine(step / steps)
    )
    started = time.monotonic()
    for step, chosen in enumerate(_batches(len(pictures), steps, batch, generator)):
        photos_, truth = to_input(pictures[chosen]), torch.from_numpy(masks[chosen]).float()
        loss = loss_of(model(spoil(photos_, generator)), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            click.echo(f"{step + 1} of {steps}, {time.monotonic() - started:.0f} s, loss {loss.item():.4f}", err=True)
    return model.eval()


def mean_iou(model: Segmenter, pictures: np.ndarray, masks: np.ndarray) -> float:
    """Mean intersection over union with the true masks."""
    with torch.inference_mode():
        found = np.concatenate(
            [(model(to_input(part)) > 0).numpy() for part in np.array_split(pictures, max(len(pictures) // 16, 1))]
        )
    return float(np.mean((found & masks).sum((1, 2)) / (found | masks).sum((1, 2))))


def _cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))


def _batches(count: int, steps: int, batch: int, generator: torch.Generator) -> Iterator[np.ndarray]:
    for _ in range(steps):
        yield torch.randint(count, (batch,), generator=generator).numpy()


@click.command()
@click.option("--photos", "count", default=3000, show_default=True, help="Photos of the world to train on.")
@click.option("--steps", default=1200, show_default=True)
@click.option("--threads", default=0, help="CPU threads; 0: torch's choice.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=WEIGHTS)
def main(count: int, steps: int, threads: int, out: Path) -> None:
    """Train the benchmark's segmenter and write its weights, float16."""
    if threads:
        torch.set_num_threads(threads)
    model = train(*photos(range(count)), steps)
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.half().contiguous() for name, value in model.state_dict().items()}, out)
    click.echo(f"{out}: mean IoU {mean_iou(model, *photos(world.VALIDATION[:200])):.4f} on 200 validation photos")


if __name__ == "__main__":
    main()
