"""Which timesteps of the reference are captured (the paper's T_app)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from seal_sdk.backbone.base import Backbone
from seal_sdk.errors import InputError


def choose_timesteps(
    backbone: Backbone, timesteps: str | int | Sequence[int], num_inference_steps: int
) -> tuple[int, ...]:
    """T_app, largest first: "exact" (the sampler's own grid), a number of evenly spread anchors, or a list of timesteps.

    Raises InputError for an empty list or timesteps outside of the model's training range.
    """
    total = backbone.train_timesteps
    if timesteps == "exact":
        sampled = backbone.sampler(num_inference_steps).timesteps
        return tuple(sorted({round(float(t)) for t in sampled}, reverse=True))
    if isinstance(timesteps, int) and not isinstance(timesteps, bool) and 1 <= timesteps <= total:
        return anchors(timesteps, total)
    if isinstance(timesteps, (list, tuple)) and timesteps and all(type(t) is int and 0 <= t < total for t in timesteps):
        return tuple(sorted(set(timesteps), reverse=True))
    raise InputError(
        f"timesteps={timesteps!r}: expected 'exact', a number of anchors from 1 to {total}, or a list of integers from 0 to {total - 1}."
    )


def anchors(count: int, total: int) -> tuple[int, ...]:
    """``count`` timesteps spread evenly over ``total``, largest first: the middles of equal spans (ours)."""
    spans = torch.arange(count, dtype=torch.float64)
    return tuple(reversed([int((span + 0.5) * total / count) for span in spans.tolist()]))
