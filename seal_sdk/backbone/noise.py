"""The noise level of a timestep, whatever the scheduler calls it."""

from __future__ import annotations

import torch
from torch import Tensor

from seal_sdk.errors import UnsupportedModel


def alpha_bar(scheduler: object, timestep: float | Tensor) -> float:
    """Cumulative alpha of the model's training schedule at a timestep (0 .. num_train_timesteps - 1, rounded to the nearest)."""
    table = getattr(scheduler, "alphas_cumprod", None)
    if table is None:
        raise UnsupportedModel(
            f"{type(scheduler).__name__} has no alphas_cumprod; use a scheduler of the SDXL family, such as EulerDiscreteScheduler."
        )
    index = min(max(round(float(timestep)), 0), len(table) - 1)
    return float(table[index])


def at_level(latents: Tensor, noise: Tensor | None, level: float) -> Tensor:
    """The UNet's input for clean latents (B, C, h, w) at alpha_bar ``level``; ``noise=None`` only scales (noise-free)."""
    scaled = latents * level**0.5
    return scaled if noise is None else scaled + noise * (1 - level) ** 0.5


def train_timesteps(scheduler: object) -> int:
    return int(scheduler.config.num_train_timesteps)  # type: ignore[attr-defined]


def anchors(count: int, total: int) -> tuple[int, ...]:
    """``count`` timesteps spread evenly over ``total``, largest first: the middles of equal spans (ours)."""
    spans = torch.arange(count, dtype=torch.float64)
    return tuple(reversed([int((span + 0.5) * total / count) for span in spans.tolist()]))
