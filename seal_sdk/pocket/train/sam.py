"""Training of the segmenter. A point on the subject asks for its mask, a point beside it for the rest of the image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from segment_anything.modeling import Sam
from torch import Tensor

from seal_sdk.pocket.sam import build_sam
from seal_sdk.pocket.train.data import TrainingSet
from seal_sdk.pocket.train.loop import Training, TrainingConfig

PHOTO_SHARE = 0.45  # of the training images
ON_SUBJECT, BESIDE = 2, 1  # points per image


def point_prompts(mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw points (P, 2) as (x, y) in pixels, and the mask (P, S, S) that each asks for.

    Args:
        mask: (S, S) bool, the subject.
        rng: Draws the points.
    """
    points = []
    for region, count in ((mask, ON_SUBJECT), (~mask, BESIDE)):
        rows, columns = np.nonzero(region)
        picked = rng.integers(0, len(rows), count)
        points.append(np.stack([columns[picked], rows[picked]], axis=1) + 0.5)
    return np.concatenate(points), np.stack([mask] * ON_SUBJECT + [~mask] * BESIDE)


def predict(sam: Sam, embedding: Tensor, points: np.ndarray) -> tuple[Tensor, Tensor]:
    """Predict masks of single points on one image.

    Args:
        sam: The segmenter.
        embedding: (1, C, h, w) of the image.
        points: (P, 2) as (x, y) in pixels.

    Returns:
        Mask logits (P, 4, 64, 64) and predicted IoUs (P, 4).
    """
    where = torch.from_numpy(points)[:, None].float().to(embedding.device)
    sparse, dense = sam.prompt_encoder(
        points=(where, torch.ones(len(points), 1, device=embedding.device)), boxes=None, masks=None
    )
    logits, ious = sam.mask_decoder.predict_masks(
        image_embeddings=embedding,
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
    )
    return logits, ious


def mask_loss(logits: Tensor, masks: Tensor, predicted_iou: Tensor) -> Tensor:
    """Return the loss of Segment Anything (arXiv 2304.02643, appendix A), with weights of our own.

    It adds focal and dice loss of the single output, of the best of the three multimask outputs and, with a small
    weight, of all three; and the squared error of the predicted IoUs.

    Args:
        logits: (P, 4, h, w).
        masks: (P, S, S) in {0, 1}, what the points ask for.
        predicted_iou: (P, 4).
    """
    size = (logits.shape[-2], logits.shape[-1])
    target = F.adaptive_avg_pool2d(masks[:, None], size).expand_as(logits)
    crossed = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    focal = ((1 - torch.exp(-crossed)) * crossed).mean(dim=(2, 3))
    shares = logits.sigmoid()
    dice = 1 - (2 * (shares * target).sum(dim=(2, 3)) + 1) / (shares.sum(dim=(2, 3)) + target.sum(dim=(2, 3)) + 1)
    each = 5 * focal + dice
    hard, true = logits > 0, target > 0.5
    iou = (hard & true).sum(dim=(2, 3)).float() / (hard | true).sum(dim=(2, 3)).clamp(min=1)
    best = each[:, 1:].min(dim=1).values
    return (each[:, 0] + best + 0.1 * each[:, 1:].mean(dim=1)).mean() + F.mse_loss(predicted_iou, iou)


def _weights(kinds: np.ndarray) -> np.ndarray:
    """Return the probability (N,) of each image: photos have a fixed share, all kinds of structure images equal shares."""
    photo = kinds == 0
    weights = np.where(photo, PHOTO_SHARE / max(photo.sum(), 1), 0.0)
    others = [kind for kind in np.unique(kinds) if kind]
    for kind in others:
        weights[kinds == kind] = (1 - PHOTO_SHARE) / len(others) / (kinds == kind).sum()
    probabilities: np.ndarray = weights / weights.sum()
    return probabilities


def train_sam(folder: Path, config: TrainingConfig, device: torch.device) -> None:
    """Train the segmenter on the set in ``folder``. Checkpoint: ``sam.pt``."""
    data = TrainingSet.open(folder)
    weights = _weights(data.kinds[: len(data)])

    def loss(sam: Sam, seed: int) -> Tensor:
        rng = np.random.default_rng([config.seed, seed])
        picked = rng.choice(len(data), config.batch, p=weights)
        pixels = torch.from_numpy(np.stack([data.images[i] for i in picked])).permute(0, 3, 1, 2).float().to(device)
        embeddings = sam.image_encoder((pixels - sam.pixel_mean) / sam.pixel_std)
        logits, ious, masks = [], [], []
        for row, index in enumerate(picked):
            points, targets = point_prompts(data.mask(index), rng)
            predicted, iou = predict(sam, embeddings[row : row + 1], points)
            logits.append(predicted)
            ious.append(iou)
            masks.append(torch.from_numpy(targets).float().to(device))
        return mask_loss(torch.cat(logits), torch.cat(masks), torch.cat(ious))

    def report(training: Training[Sam]) -> None:
        print(f"sam {training.step} loss {training.mean_loss:.4f}", flush=True)

    Training(build_sam(), config, folder / "sam.pt", device).run(loss, report, every=200)
