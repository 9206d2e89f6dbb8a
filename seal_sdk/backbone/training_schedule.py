"""The noise levels that a model was trained with, as its scheduler knows them."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from seal_sdk.errors import UnsupportedModel


def alpha_bar(scheduler: Any, timestep: float | Tensor) -> float:
    """Cumulative alpha at a timestep, rounded to the nearest. Raises UnsupportedModel for schedulers without alphas."""
    table = getattr(scheduler, "alphas_cumprod", None)
    if table is None:
        raise UnsupportedModel(
            f"{type(scheduler).__name__} has no alphas_cumprod; use a scheduler of the model's family, such as EulerDiscreteScheduler."
        )
    return float(table[min(max(round(float(timestep)), 0), len(table) - 1)])
