"""Training the subject finder: points on the subject ask for the subject, points beside it for the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from segment_anything.modeling import Sam
from torch import Tensor

from seal_sdk.pocket.sam import build_sam
from seal_sdk.pocket.train.data import TrainingSet
from seal_sdk.pocket.train.loop import Recipe, Training

PHOTO_SHARE = 0.45
ON_SUBJECT, BESIDE = 2, 1  # points per image


def point_prompts(mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points (P, 2) as x, y in pixels, and the mask (P, S, S) that each asks for."""
    points = []
    for region, count in ((mask, ON_SUBJECT), (~mask, BESIDE)):
        rows, columns = np.nonzero(region)
        picked = rng.integers(0, len(rows), count)
        points.append(np.stack([columns[picked], rows[picked]], axis=1) + 0.5)
    return np.concatenate(points), np.stack([mask] * ON_SUBJECT + [~mask] * BESIDE)


def predict(sam: Sam, embedding: Tensor, points: np.ndarray) -> tuple[Tensor, Tensor]:
    """Mask logits (P, 4, 64, 64) and predicted IoUs (P, 4) of single points on one image's embedding (1, C, h, w)."""
    where = torch.from_numpy(points)[:, None].float().to(embedding.device)
    sparse, dense = sam.prompt_encoder(
        points=(where, torch.ones(len(points), 1, device=embedding.device)), boxes=None, masks=None
    )
    return sam.mask_decoder.predict_masks(
        image_embeddings=embedding,
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
    )


def mask_loss(logits: Tensor, masks: Tensor, predicted_iou: Tensor) -> Tensor:
    """SAM's loss: focal and dice, the best of the three multimask outputs, and the IoU head. logits (P, 4, h, w), masks (P, S, S)."""
    target = F.adaptive_avg_pool2d(masks[:, None], logits.shape[-2:]).expand_as(logits)
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
    """Probability of each image: photos a fixed share, every structure kind the same."""
    photo = kinds == 0
    weights = np.where(photo, PHOTO_SHARE / max(photo.sum(), 1), 0.0)
    others = [kind for kind in np.unique(kinds) if kind]
    for kind in others:
        weights[kinds == kind] = (1 - PHOTO_SHARE) / len(others) / (kinds == kind).sum()
    return weights / weights.sum()


def train_sam(folder: Path, recipe: Recipe, device: torch.device) -> None:
    data = TrainingSet.open(folder)
    weights = _weights(data.kinds[: len(data)])

    def loss(model: torch.nn.Module, seed: int) -> Tensor:
        sam: Sam = model  # type: ignore[assignment]
        rng = np.random.default_rng([recipe.seed, seed])
        picked = rng.choice(len(data), recipe.batch, p=weights)
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

    def report(training: Training) -> None:
        print(f"sam {training.step} loss {training.mean_loss:.4f}", flush=True)

    Training(build_sam(), recipe, folder / "sam.pt", device).run(loss, report, every=200)
