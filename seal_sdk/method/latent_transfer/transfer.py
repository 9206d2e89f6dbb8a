"""Latent transfer: moves the image's clean latents towards the reference's where tokens were matched. Ours.

Infusion works on tokens of several latents each, and the model is free within them. The matches also say which of the
reference's latents belong there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from seal_sdk.method.latent_transfer.consensus import neighbourhood_consensus
from seal_sdk.method.latent_transfer.correspondence import Correspondence
from seal_sdk.method.latent_transfer.palette import match_palette
from seal_sdk.method.latent_transfer.reference_latents import ReferenceLatents
from seal_sdk.method.latent_transfer.similarity import upsample, z_score
from seal_sdk.method.latent_transfer.warp import interpolate_warp, subtoken_argmax, warp_latents
from seal_sdk.method.noise_level import NoiseLevel
from seal_sdk.method.region_mean import region_mean
from seal_sdk.method.token_masks import Grid, token_grid

COARSE_WEIGHT = 0.5  # of similarities on coarser grids, beside 1 for the finest; best on the benchmark (ours)
MEAN_SHIFT = 0.5  # share of the remaining difference of means that is made up for; best on the benchmark (ours)


def transfer_latents(
    prediction: Tensor,
    noisy: Tensor,
    matched: Sequence[tuple[Mapping[int, Correspondence], ReferenceLatents]],
    *,
    level: NoiseLevel,
    strength: float,
    tau: float,
) -> Tensor:
    """Steer a guided prediction towards the references' latents where tokens were matched.

    The implied clean latents move by ``strength`` towards the warped reference latents. Then the mean over each subject
    moves by `MEAN_SHIFT` towards its reference's, if any token of it was matched and the subject's region is known.

    Args:
        prediction: (1, C, h, w), the guided prediction.
        noisy: (1, C, h, w), the model's input.
        matched: for each subject its matches, by the image grid's token count, and its reference. The subjects' target
            tokens must not overlap.
        level: noise level of ``noisy``. Without noise nothing is transferred.
        strength: in [0, 1], share of the way to the warped reference.
        tau: mean cosine of the queries' best matches that a token has to exceed.

    Returns:
        The steered prediction, (1, C, h, w). It is ``prediction`` itself if nothing was matched.
    """
    if not matched or level.noise <= 0:
        return prediction
    before = level.clean(prediction, noisy)
    after = before
    for correspondences, reference in matched:
        warp, grid = _find_warp(correspondences, reference, (noisy.shape[-2], noisy.shape[-1]), tau)
        warped, covered = warp_latents(reference.appearance, warp, grid)
        if reference.redrawn_appearance is not None:
            redrawn, _ = warp_latents(reference.redrawn_appearance, warp, grid)
            warped = torch.lerp(warped, _in_colours_of(reference, before, redrawn), redrawn)
        after = after + strength * covered * (warped - before)
        if reference.region is not None and covered.any():
            shift = mean_shift(after, reference.region, reference.latents, reference.subject)
            after = after + MEAN_SHIFT * reference.region * shift
    return level.steer(prediction, (after - before).to(prediction.dtype))


def mean_shift(latents: Tensor, region: Tensor, reference: Tensor, subject: Tensor) -> Tensor:
    """Difference from the mean of latents over a region to the mean of reference latents over the subject, (1, C, 1, 1).

    latents, reference: (1, C, h, w). region, subject: (1, 1, h, w) in [0, 1], how much of each latent belongs. Zeros if
    either is empty.
    """
    if not region.any() or not subject.any():
        return latents.new_zeros(1, latents.shape[1], 1, 1)
    return region_mean(reference, subject) - region_mean(latents, region)


def _in_colours_of(reference: ReferenceLatents, latents: Tensor, redrawn: Tensor) -> Tensor:
    """Latents (1, C, h, w) with the colours of what is redrawn of the reference. redrawn: (1, 1, h, w) in [0, 1], in the image."""
    assert reference.redrawn is not None
    return match_palette(latents, redrawn, reference.latents, reference.redrawn)


def _find_warp(
    correspondences: Mapping[int, Correspondence], reference: ReferenceLatents, latent_size: tuple[int, int], tau: float
) -> tuple[Tensor, Grid]:
    """The warp field from the image to the reference (`interpolate_warp`), and the reference's token grid.

    Only tokens that all layers of the finest grid took for the subject, and that were infused, take latents.
    """
    finest = correspondences[max(correspondences)]
    sizes = latent_size, reference.latent_size
    grid, source_grid = _grids(finest, sizes)
    targets, sources = finest.targets, finest.sources
    similarity, mirrored = neighbourhood_consensus(
        _multiscale_similarity(correspondences, targets, sizes),
        targets,
        sources,
        grid,
        source_grid,
        reference.reference_index(sources, source_grid),
    )
    infused = finest.mean_best_cosine[targets] > tau
    similarity = similarity[infused]
    positions = subtoken_argmax(similarity, sources, source_grid)
    warp = interpolate_warp(positions, targets[infused], grid, latent_size, mirrored[similarity.argmax(-1)])
    return warp, source_grid


def _multiscale_similarity(
    correspondences: Mapping[int, Correspondence], targets: Tensor, sizes: tuple[tuple[int, int], tuple[int, int]]
) -> Tensor:
    """(Nt, Nk): similarity of targets and sources of the finest grid, plus that of the coarser tokens around them."""
    finest = correspondences[max(correspondences)]
    similarity = z_score(finest.mean_similarity[targets])
    for coarse in correspondences.values():
        if coarse is not finest:
            whole = torch.zeros(coarse.tokens, coarse.source_tokens, device=similarity.device)
            whole.index_copy_(1, coarse.sources, coarse.mean_similarity)
            grids, coarse_grids = _grids(finest, sizes), _grids(coarse, sizes)
            similarity = similarity + COARSE_WEIGHT * upsample(whole, targets, finest.sources, grids, coarse_grids)
    return similarity


def _grids(correspondence: Correspondence, sizes: tuple[tuple[int, int], tuple[int, int]]) -> tuple[Grid, Grid]:
    """The image's and the reference's token grid, from the (height, width) of their latents."""
    return token_grid(correspondence.tokens, sizes[0]), token_grid(correspondence.source_tokens, sizes[1])
