"""Detail transfer inside the denoising loop: what is alike in image and reference moves the prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from seal_sdk.backbone.layers import token_grid
from seal_sdk.backbone.plan import Infusion
from seal_sdk.backbone.step import Correspondence, Forward
from seal_sdk.method.coherence import Grid, coherent
from seal_sdk.method.detail import clean, mean_shift, steer
from seal_sdk.method.flow import interpolate, peaks, sample
from seal_sdk.method.likeness import COARSE, enlarge, standardized

TONE = 0.5  # share of the mean's remaining difference that is made up for; the benchmark prefers it (ours)


def transfer_detail(
    forward: Forward,
    prediction: Tensor,
    noisy: Tensor,
    infusions: Sequence[Infusion],
    level: float,
    kind: str,
) -> Tensor:
    """The guided prediction (1, C, h, w), moved by ``forward.detail`` towards the references' latents where tokens were
    infused; with any infused, each subject's mean also moves towards its reference's. noisy: the UNet's input at
    alpha_bar ``level``; kind: prediction type."""
    if not forward.correspondences or level >= 1:
        return prediction
    before = clean(prediction, noisy, level, kind)
    after = before
    for role, found in forward.correspondences.items():  # their targets have nothing in common
        given = infusions[role]
        wanted, covered = _place(found, given, (prediction.shape[-2], prediction.shape[-1]), forward.tau)
        after = after + forward.detail * covered * (wanted - before)
        if given.region is not None and covered.any():  # nothing alike, nothing changed
            shift = mean_shift(after, given.region, given.reference, given.subject)
            after = after + TONE * given.region * shift
    return steer(prediction, (after - before).to(prediction.dtype), level, kind)


def _place(found: Mapping[int, Correspondence], given: Infusion, size: Grid, tau: float) -> tuple[Tensor, Tensor]:
    """The reference's latents where they belong, and where that is (`flow.sample`). found: by number of tokens.

    Coherent matches that all grids find together, of the tokens that all layers of the finest take for the subject; those that
    queries find nothing like above tau take none.
    """
    finest = found[max(found)]
    sizes = size, given.latent_size
    grid, source_grid = grids = _grids(finest, sizes)
    targets = torch.nonzero((finest.layers > 0) & (finest.layers == finest.layers.max())).squeeze(1)
    alike = standardized(_mean(finest)[targets])
    for coarse in found.values():
        if coarse is not finest:
            whole = torch.zeros(coarse.tokens, coarse.source_tokens, device=alike.device)
            whole.index_copy_(1, coarse.sources, _mean(coarse))
            alike = alike + COARSE * enlarge(whole, targets, finest.sources, grids, _grids(coarse, sizes))
    numbers = given.numbers(finest.sources, source_grid)
    alike, turned = coherent(alike, targets, finest.sources, grid, source_grid, numbers)
    infused = (finest.best / finest.layers)[targets] > tau
    alike = alike[infused]
    positions = peaks(alike, finest.sources, source_grid)
    where = interpolate(positions, targets[infused], grid, size, turned[alike.argmax(-1)])
    return sample(given.look, where, source_grid)


def _mean(found: Correspondence) -> Tensor:
    """(tokens, Nk): likeness per layer, zero where no layer saw the subject."""
    return found.likeness / found.layers.clamp(min=1)[:, None]


def _grids(found: Correspondence, sizes: tuple[Grid, Grid]) -> tuple[Grid, Grid]:
    return token_grid(found.tokens, sizes[0]), token_grid(found.source_tokens, sizes[1])
