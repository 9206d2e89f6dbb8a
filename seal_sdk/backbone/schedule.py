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
    equation 16), from 0 (no noise) to 1 (DDPM); schedulers without it ignore it.
    """

    timesteps: tuple[int, ...] | None = None
    sigmas: tuple[float, ...] | None = None
    eta: float = 0.0

    @classmethod
    def of(cls, timesteps: Sequence[int] | None, sigmas: Sequence[float] | None, eta: float) -> CustomSchedule:
        """From a caller's arguments. Raises InputError for values that cannot be a schedule."""
        if timesteps is not None and sigmas is not None:
            raise InputError("Give timesteps= or sigmas=, not both.")
        if not 0 <= eta <= 1:
            raise InputError(f"eta={eta!r}: expected a number from 0 to 1.")
        return cls(_numbers("timesteps", timesteps, int), _numbers("sigmas", sigmas, float), float(eta))

    @property
    def has_steps(self) -> bool:
        """Whether the steps are the caller's."""
        return self.timesteps is not None or self.sigmas is not None


OWN_SCHEDULE = CustomSchedule()
"""The scheduler's own."""


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
