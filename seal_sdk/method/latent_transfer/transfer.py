"""Latent transfer: moves the image's clean latents towards the reference's where tokens were matched. Ours.

Infusion works on tokens of several latents each, and the model is free within them. The matches also say which of the
reference's latents belong there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from seal_sdk.method.latent_transfer.consensus import neighbourhood_consensus, round_strides
from seal_sdk.method.latent_transfer.correspondence import Correspondence
from seal_sdk.method.latent_transfer.outline import nearer_subject
from seal_sdk.method.latent_transfer.palette import match_palette
from seal_sdk.method.latent_transfer.reference_latents import ReferenceLatents
from seal_sdk.method.latent_transfer.similarity import upsample, z_score
from seal_sdk.method.latent_transfer.warp import interpolate_warp, subtoken_argmax, warp_latents
from seal_sdk.method.noise_level import NoiseLevel
from seal_sdk.method.region_mean import region_mean
from seal_sdk.method.tiles import tiles
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

    The implied clean latents move by ``strength`` towards the warped reference latents; those of a subject that was searched for only where
    they look like it already (`nearer_subject`). Then the mean over each subject moves by `MEAN_SHIFT` towards its reference's, if any
    token of it was matched and the subject's region is known.

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
        if correspondences[max(correspondences)].searched:
            covered = nearer_subject(before, warped, covered)
        after = after + strength * covered * (warped - before)
        if reference.region is not None:
            shift = mean_shift(after, reference.region, reference.latents, reference.subject)
            after = after + MEAN_SHIFT * covered.any() * reference.region * shift
    return level.steer(prediction, (after - before).to(prediction.dtype))


def mean_shift(latents: Tensor, region: Tensor, reference: Tensor, subject: Tensor) -> Tensor:
    """Difference from the mean of latents over a region to the mean of reference latents over the subject, (1, C, 1, 1).

    latents, reference: (1, C, h, w). region, subject: (1, 1, h, w) in [0, 1], how much of each latent belongs. Zeros if
    either is empty.
    """
    known = region.any() & subject.any()  # a factor, since a condition would wait for the device
    return known * (region_mean(reference, subject) - region_mean(latents, region))


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
    grids, agreed = _grids(finest, sizes), finest.agreed
    targets = finest.candidates[agreed]
    similarity = _multiscale_similarity(correspondences, targets, agreed, sizes)
    similarity, steps = _agreement(similarity, targets, finest, reference, grids)
    infused = finest.mean_best_cosine(agreed) > tau
    positions = subtoken_argmax(similarity, finest.sources, grids[1])
    positions = torch.where(infused[:, None], positions, float("nan"))
    return interpolate_warp(positions, targets, grids[0], latent_size, steps[similarity.argmax(-1)]), grids[1]


def _agreement(
    similarity: Tensor, targets: Tensor, finest: Correspondence, reference: ReferenceLatents, grids: tuple[Grid, Grid]
) -> tuple[Tensor, Tensor]:
    """`neighbourhood_consensus` with each reference, by itself: (Nt, Nk), and for each source how its reference is laid out.

    The latter is (Nk, 2): how many of its rows and columns one token of the image spans, columns negative where it is mirrored.
    """
    layouts = reference.layouts(finest.sources, grids[1])
    counts = [len(each.box.place) for each in layouts]
    found, steps = [], []
    for own, each, count in zip(torch.split(similarity, counts, dim=1), layouts, counts, strict=True):
        scale = each.stride.scale
        agreed, mirrored = neighbourhood_consensus(
            own, targets, each.box, grids[0], round_strides(grids[0], each.stride)
        )
        found.append(agreed)
        rows = similarity.new_full((count,), scale)
        steps.append(torch.stack([rows, torch.where(mirrored, -rows, rows)], -1))
    return (found[0], steps[0]) if len(found) == 1 else (torch.cat(found, dim=1), torch.cat(steps))


def _multiscale_similarity(
    correspondences: Mapping[int, Correspondence],
    targets: Tensor,
    agreed: Tensor | slice,
    sizes: tuple[tuple[int, int], tuple[int, int]],
) -> Tensor:
    """(Nt, Nk): similarity of targets and sources of the finest grid, plus that of the coarser tokens around them."""
    finest = correspondences[max(correspondences)]
    similarity = z_score(finest.mean_similarity(agreed))
    for coarse in correspondences.values():
        if coarse is not finest:
            whole = torch.zeros(coarse.tokens, coarse.source_tokens, device=similarity.device)
            whole[coarse.candidates[:, None], coarse.sources] = coarse.mean_similarity()
            grids = _grids(finest, sizes), _grids(coarse, sizes)
            for tile in tiles(len(targets), max(len(finest.sources), coarse.source_tokens), targets.device):
                similarity[tile] += COARSE_WEIGHT * upsample(whole, targets[tile], finest.sources, *grids)
    return similarity


def _grids(correspondence: Correspondence, sizes: tuple[tuple[int, int], tuple[int, int]]) -> tuple[Grid, Grid]:
    """The image's and the reference's token grid, from the (height, width) of their latents."""
    return token_grid(correspondence.tokens, sizes[0]), token_grid(correspondence.source_tokens, sizes[1])
