"""Detail transfer inside the denoising loop: the matches on the finest infused grid move the prediction."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seal_sdk.backbone.layers import token_grid
from seal_sdk.backbone.plan import Infusion
from seal_sdk.backbone.step import Correspondence, Forward
from seal_sdk.backbone.text_change import TextChange
from seal_sdk.method.coherence import coherent
from seal_sdk.method.detail import clean, mean_shift, place_latents, steer

TONE = 0.5  # share of the mean's remaining difference that is made up for; the benchmark prefers it (ours)


def transfer_detail(
    forward: Forward,
    prediction: Tensor,
    noisy: Tensor,
    infusions: Sequence[Infusion],
    level: float,
    kind: str,
    text: TextChange | None = None,
) -> Tensor:
    """The guided prediction (1, C, h, w), moved by ``forward.detail`` towards the references' latents where tokens were
    infused; with any infused, each subject's mean also moves towards its reference's. All layers of the finest grid find
    the matches together. noisy: the UNet's input at alpha_bar ``level``; kind: prediction type; text: changes the references."""
    if not forward.correspondences or level >= 1:
        return prediction
    before = clean(prediction, noisy, level, kind)
    after = before
    for role, found in forward.correspondences.items():  # their targets have nothing in common
        given = infusions[role]
        wanted, covered = _place(found, given.reference, (prediction.shape[-2], prediction.shape[-1]), forward.tau)
        change = text.over(given.region * covered, wanted) if text is not None and given.region is not None else 0.0
        after = after + forward.detail * covered * (wanted + change - before)
        if given.region is not None and covered.any():  # nothing alike, nothing changed
            shift = mean_shift(after - change, given.region, given.reference, given.subject)
            after = after + TONE * given.region * shift
    return steer(prediction, (after - before).to(prediction.dtype), level, kind)


def _place(found: Correspondence, reference: Tensor, size: tuple[int, int], tau: float) -> tuple[Tensor, Tensor]:
    """`place_latents` of the coherent matches whose own mean similarity exceeds tau."""
    grid = token_grid(found.tokens, size)
    source_grid = token_grid(found.source_tokens, (reference.shape[-2], reference.shape[-1]))
    targets = torch.nonzero(found.layers).squeeze(1)
    similarity = found.similarity[targets] / found.layers[targets, None]
    best = coherent(similarity, targets, found.sources, grid, source_grid).argmax(-1)
    infused = similarity.gather(-1, best[:, None])[:, 0] > tau
    return place_latents(reference, targets[infused], found.sources[best[infused]], grid, source_grid, size)
