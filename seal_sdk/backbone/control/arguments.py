"""The arguments of diffusers' pipelines that say how ControlNets and T2I-Adapters steer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from seal_sdk.errors import InputError

Numbers = float | Sequence[float] | None
CONTROLNET = (
    "controlnet_conditioning_scale",
    "control_guidance_start",
    "control_guidance_end",
    "guess_mode",
    "control_mode",
)
ADAPTER = ("adapter_conditioning_scale", "adapter_conditioning_factor")


@dataclass(frozen=True)
class ControlArguments:
    """diffusers' arguments of its ControlNet, ControlNet-Union and T2I-Adapter pipelines, with their names and meaning.

    A list has one value per structure image of a picture, in their order; a number counts for all of them.

    controlnet_conditioning_scale, adapter_conditioning_scale: weight of what ControlNet or adapter adds; None: ``Structure.scale``.
    control_guidance_start, control_guidance_end: shares of the steps, from 0 to 1, between which a ControlNet acts; None: from the
    first step until ``Structure.end``. A ControlNet-Union that gets several images acts before and after too, without seeing
    them (as in diffusers).
    guess_mode: the ControlNet sees no unconditional row, and its shallow layers weigh less (ControlNet's "guess mode").
    control_mode: the kind of each image, from 0 to ControlNet-Union's ``num_control_type`` - 1; only it has kinds, and needs them.
    adapter_conditioning_factor: share of ``num_inference_steps``, from 0 to 1, in which a T2I-Adapter acts; None: until ``Structure.end``.
    Raises InputError for values that cannot be such.
    """

    controlnet_conditioning_scale: Numbers = None
    control_guidance_start: Numbers = None
    control_guidance_end: Numbers = None
    guess_mode: bool = False
    control_mode: int | Sequence[int] | None = None
    adapter_conditioning_scale: Numbers = None
    adapter_conditioning_factor: float | None = None

    def __post_init__(self) -> None:
        for name in ("controlnet_conditioning_scale", "adapter_conditioning_scale"):
            self._check(name, "a finite number, or a list with one per structure image", _is_finite)
        for name in ("control_guidance_start", "control_guidance_end"):
            self._check(name, "a number from 0 to 1, or a list with one per structure image", _is_share)
        self._check("control_mode", "an integer >= 0, or a list with one per structure image", _is_mode)
        if self.adapter_conditioning_factor is not None and not _is_share(self.adapter_conditioning_factor):
            raise InputError(
                f"adapter_conditioning_factor={self.adapter_conditioning_factor!r}: expected a number from 0 to 1."
            )
        if not isinstance(self.guess_mode, bool):
            raise InputError(f"guess_mode={self.guess_mode!r}: expected True or False.")

    def _check(self, name: str, expected: str, fits: Any) -> None:
        """Lists become tuples."""
        value = getattr(self, name)
        if value is None:
            return
        values = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        if not values or not all(fits(each) for each in values):
            raise InputError(f"{name}={value!r}: expected {expected}.")
        object.__setattr__(self, name, values if isinstance(value, (list, tuple)) else value)

    @property
    def given(self) -> tuple[str, ...]:
        """Names of those that are not the default."""
        return tuple(each.name for each in fields(self) if getattr(self, each.name) != each.default)

    @property
    def say_the_end(self) -> bool:
        """Whether they say when control stops, instead of ``Structure.end``."""
        return self.control_guidance_end is not None or self.adapter_conditioning_factor is not None

    def per_image(self, name: str, images: int, default: float) -> tuple[float, ...]:
        """One value per image. Raises InputError for a list of another length."""
        value = getattr(self, name)
        if not isinstance(value, tuple):
            return (default if value is None else value,) * images
        if len(value) != images:
            raise InputError(
                f"{name}={list(value)}: {_images(images)} of a picture {'needs' if images == 1 else 'need'} {images} of these, "
                f"not {len(value)}; or give one number for all."
            )
        return value

    def ranges(self, images: int) -> tuple[tuple[float, float], ...]:
        """(start, end) of each image, in shares of the steps. Raises InputError where one does not start before it ends."""
        starts = self.per_image("control_guidance_start", images, 0.0)
        ends = self.per_image("control_guidance_end", images, 1.0)
        for start, end in zip(starts, ends, strict=True):
            if start >= end:
                raise InputError(
                    f"control_guidance_start={start} is not before control_guidance_end={end}: give a smaller start, or switch control off "
                    "with controlnet_conditioning_scale=0."
                )
        return tuple(zip(starts, ends, strict=True))

    def refuse(self, names: Sequence[str], why: str) -> None:
        """Raise InputError if any of these is given, since it would do nothing."""
        given = [name for name in names if name in self.given]
        if given:
            raise InputError(f"{', '.join(f'{name}={getattr(self, name)!r}' for name in given)}: {why}")


def check_count(images: int, nets: int, what: str) -> None:
    """Raise InputError unless there are as many structure images as nets."""
    if images != nets:
        plural = "" if nets == 1 else "s"
        raise InputError(
            f"structure= has {_images(images)} for a picture and the session {nets} {what}{plural}: give a picture a tuple with one image "
            "for each, in the order of controlnet=."
        )


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"


def _is_finite(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_share(value: Any) -> bool:
    return _is_finite(value) and 0 <= value <= 1


def _is_mode(value: Any) -> bool:
    return type(value) is int and value >= 0


NO_CONTROL = ControlArguments()
