"""Timesteps of the caller's own, instead of those that a scheduler spreads itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from seal_sdk.errors import InputError

Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class CustomSchedule:
    """diffusers' arguments of the schedule.

    timesteps or sigmas: those to sample at, from noisy to clean; None: as the scheduler spreads them. eta: of DDIM (Song et al., 2021,
    equation 16), from 0 (no noise) to 1 (DDPM); schedulers without it ignore it. Raises InputError for values that cannot be a schedule.
    """

    timesteps: tuple[int, ...] | None = None
    sigmas: tuple[float, ...] | None = None
    eta: float = 0.0

    def __post_init__(self) -> None:
        if self.timesteps is not None and self.sigmas is not None:
            raise InputError("Give timesteps= or sigmas=, not both.")
        if not 0 <= self.eta <= 1:
            raise InputError(f"eta={self.eta!r}: expected a number from 0 to 1.")
        object.__setattr__(self, "timesteps", _numbers("timesteps", self.timesteps, int))
        object.__setattr__(self, "sigmas", _numbers("sigmas", self.sigmas, float))

    @property
    def has_steps(self) -> bool:
        """Whether the steps are the caller's."""
        return self.timesteps is not None or self.sigmas is not None


def _numbers(name: str, values: Sequence[Number] | None, kind: type[Number]) -> tuple[Number, ...] | None:
    if values is None:
        return None
    try:
        numbers = tuple(kind(value) for value in values)
    except (TypeError, ValueError):
        numbers = ()
    if not numbers or any(number < 0 or number != given for number, given in zip(numbers, values, strict=True)):
        raise InputError(f"{name}={values!r}: expected a list of numbers that are not negative.")
    return numbers


OWN_SCHEDULE = CustomSchedule()
"""The scheduler's own."""
