"""What the rest sees of ControlNets and T2I-Adapters: a model that prepares a picture's images, and what it then adds to each forward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import torch
from PIL import Image
from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.control.arguments import ControlArguments

ControlPixels = Image.Image | Tensor
"""A structure image: RGB, or pixels (1, 3, H, W) as the caller made them."""


@dataclass(frozen=True)
class ControlStep:
    """Where sampling is, and which rows are steered.

    index: of the timestep, from 0. timesteps: how many there are. num_inference_steps: the caller's, which schedulers of second order
    make more timesteps of. guessed: indices of the rows that are steered in guess mode, all but the unconditional one.
    """

    index: int
    timesteps: int
    num_inference_steps: int
    guessed: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Host:
    """The model beside which ControlNets and adapters work: its UNet, where it computes, and the pixels per latent along a side."""

    unet: Any
    device: torch.device
    pixels_per_latent: int


class Control(Protocol):
    """The structure images of one picture, prepared for the model that they go through."""

    def residuals(
        self, noisy: Tensor, timestep: Tensor, conditioning: Conditioning, step: ControlStep
    ) -> dict[str, Any]:
        """The UNet's arguments that hold what is added to its features; none where nothing is.

        noisy: (R, C, h, w), with R rows of conditioning.
        """

    @property
    def images(self) -> int:
        """How many they are: controls of one call go through the model together if they have equally many."""

    def pack(self, others: Sequence[Self], rows: Sequence[int]) -> Self:
        """This picture's control and other pictures' as one. rows: how many each picture has of the batch, this one first."""


@dataclass(frozen=True, eq=False)
class ActiveControl:
    """A control at one step."""

    control: Control
    step: ControlStep

    def residuals(self, noisy: Tensor, timestep: Tensor, conditioning: Conditioning) -> dict[str, Any]:
        """See `Control.residuals`."""
        return self.control.residuals(noisy, timestep, conditioning, self.step)


def for_rows(pictures: Sequence[Tensor], rows: Sequence[int]) -> Tensor:
    """(R, C, H, W): each picture's tensor (1, C, H, W) once for each of its rows."""
    return torch.cat([each.expand(count, -1, -1, -1) for each, count in zip(pictures, rows, strict=True)])


def among_rows(steered: Tensor, rows: Sequence[int], count: int) -> Tensor:
    """What is added to these rows, among ``count`` rows of which the others get nothing."""
    if len(rows) == count:
        return steered
    index = torch.tensor(rows, device=steered.device)
    return steered.new_zeros((count, *steered.shape[1:])).index_copy(0, index, steered)


class ControlModel(Protocol):
    """A ControlNet, ControlNet-Union or T2I-Adapter, or several of one kind."""

    def check_fit(self) -> None:
        """Raise ConfigError where it was not made for the session's model, or is elsewhere or in another precision."""

    def check(self, arguments: ControlArguments, images: int) -> None:
        """Raise InputError for arguments that it does not have, or that do not fit the number of a picture's images."""

    def prepare(self, images: Sequence[ControlPixels], arguments: ControlArguments, scale: float) -> Control:
        """A picture's images, of the size to draw, with what ``check`` let pass. scale: where the arguments name none."""
