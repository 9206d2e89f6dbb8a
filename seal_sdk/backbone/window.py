"""The part of a schedule that is sampled: less than all of it for pictures, and where models share the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from seal_sdk.errors import InputError


@dataclass(frozen=True)
class Window:
    """The part of the schedule that is sampled, with diffusers' names.

    strength: share of the schedule, counted from its end, for which a picture is drawn anew: in (0, 1], and 1 begins with noise alone.
    None: the whole schedule. It does not count beside ``denoising_start``.
    denoising_start, denoising_end: shares of the training schedule, in (0, 1), at which sampling begins and ends; None: at its ends.
    Raises InputError for other values.
    """

    strength: float | None = None
    denoising_start: float | None = None
    denoising_end: float | None = None

    def __post_init__(self) -> None:
        if self.strength is not None and not (_is_number(self.strength) and 0 < self.strength <= 1):
            raise InputError(f"strength={self.strength!r}: expected a number above 0, up to 1 (draw it wholly anew).")
        for name in ("denoising_start", "denoising_end"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and 0 < value < 1):
                raise InputError(f"{name}={value!r}: expected a number between 0 and 1, or leave it out.")
        start, end = self.denoising_start, self.denoising_end
        if start is not None and end is not None and start >= end:
            raise InputError(f"denoising_start={start} has to be below denoising_end={end}.")

    @property
    def skips_the_start(self) -> bool:
        """Whether sampling may begin after the schedule's first step."""
        return self.strength is not None or self.denoising_start is not None

    @property
    def starts_from_noise(self) -> bool:
        """Whether a masked picture has no part in the first latents."""
        return self.strength == 1 and self.denoising_start is None

    @property
    def adds_noise(self) -> bool:
        """Whether the picture is clean, so that noise has to be added to it."""
        return self.denoising_start is None

    def first(self, scheduler: Any, num_inference_steps: int) -> int:
        """Index of the first timestep that is sampled: diffusers' ``get_timesteps``."""
        if self.denoising_start is not None:
            sampled = int((scheduler.timesteps < _cutoff(scheduler, self.denoising_start)).sum())
            if scheduler.order == 2 and sampled % 2 == 0:
                sampled += 1  # each step but the first has two timesteps: do not begin between them
            return max(len(scheduler.timesteps) - sampled, 0)
        if self.strength is None:
            return 0
        steps = min(int(num_inference_steps * self.strength), num_inference_steps)
        return (num_inference_steps - steps) * int(scheduler.order)

    def select(self, scheduler: Any, first: int) -> Tensor:
        """(steps,): the scheduler's timesteps from ``first`` to this window's end."""
        timesteps: Tensor = scheduler.timesteps[first:]
        if self.denoising_end is None:
            return timesteps
        return timesteps[: int((timesteps >= _cutoff(scheduler, self.denoising_end)).sum())]

    @property
    def given(self) -> dict[str, float]:
        """Name -> value of what is not None."""
        return {name: value for name, value in vars(self).items() if value is not None}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cutoff(scheduler: Any, share: float) -> int:
    """The training timestep at a share of the schedule, as diffusers rounds it."""
    trained: int = scheduler.config.num_train_timesteps
    return round(trained - share * trained)


WHOLE = Window()
"""The whole schedule."""
