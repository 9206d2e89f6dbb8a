"""Palette transfer: latents keep their own pattern and take a reference's colours. Ours.

The linear map that moves latents least, among those that give them the reference's mean and covariance (Pitié and Kokaram, "The Linear
Monge-Kantorovitch Linear Colour Mapping for Example-Based Colour Transfer", CVMP 2007), here of latents instead of RGB.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seal_sdk.method.region_mean import region_mean

RIDGE = 1e-4  # of the mean variance, added to both covariances: a flat colour has none (ours)


def match_palette(latents: Tensor, where: Tensor, reference: Tensor, subject: Tensor) -> Tensor:
    """Latents (1, C, h, w) with the colours that the reference, (1, C, H, W), has on its subject.

    where: (1, 1, h, w) in [0, 1], the latents that are counted. subject: (1, 1, H, W) in [0, 1], those of the reference. The map is the
    same for all latents, also for those that are not counted. If either side counts nothing, the latents are returned as they are.
    """
    (mean, own), (target_mean, target) = _moments(latents, where), _moments(reference, subject)
    root, inverse = _roots(own)
    colour_map = (inverse @ _roots(root @ target @ root)[0] @ inverse).to(latents.dtype)
    centred = (latents - mean)[0].flatten(1)
    mapped = (colour_map @ centred).view_as(latents) + target_mean
    return torch.where(where.any() & subject.any(), mapped, latents)


def _moments(latents: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (1, C, 1, 1), and covariance (C, C) in float64, of latents by weight."""
    mean = region_mean(latents, weight)
    centred = ((latents - mean) * weight.sqrt())[0].flatten(1).double()
    covariance = centred @ centred.T / weight.double().sum().clamp(min=1e-6)
    ridge = RIDGE * covariance.diagonal().mean().clamp(min=1e-6)
    return mean, covariance + ridge * torch.eye(len(covariance), dtype=torch.float64, device=covariance.device)


def _roots(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The square root of a symmetric positive definite matrix, and that root's inverse."""
    values, vectors = torch.linalg.eigh(matrix)
    values = values.clamp(min=1e-12)
    return (vectors * values**0.5) @ vectors.T, (vectors * values**-0.5) @ vectors.T
