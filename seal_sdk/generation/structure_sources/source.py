"""What a source of structure does: it prepares an image's guide, and may put hooks on the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seal_sdk.backbone.base import Backbone
from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.control import Control, ControlArguments
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.config import Structure
from seal_sdk.errors import InputError
from seal_sdk.generation.forward import CurrentForward
from seal_sdk.generation.structure import AlignedStructure


@dataclass(frozen=True, eq=False)
class StructureRow:
    """A row of its own in the model's batch: clean latents and fixed noise (1, C, h, w), and its prompt."""

    latents: Tensor
    noise: Tensor
    conditioning: Conditioning


@dataclass(frozen=True, eq=False)
class StructureGuide:
    """What steers one image: a row in the batch, a ControlNet or T2I-Adapter, both or nothing."""

    row: StructureRow | None = None
    control: Control | None = None


@dataclass(frozen=True, eq=False)
class EncodedStructure:
    """What is made of a structure image once, for all pictures of a call that follow it. latents: (1, C, h, w)."""

    latents: Tensor | None = None
    control: Control | None = None


@dataclass(frozen=True, eq=False)
class StructureContext:
    """What a source may use of one picture. encoded: what it made of the structure image."""

    encoded: EncodedStructure
    generator: torch.Generator
    conditioning: Conditioning


class StructureSource:
    """Base of the sources; this one steers nothing.

    uses_image: whether structure images count at all. takes_tensors: whether it sees tensors as the caller made them.
    """

    uses_image = True
    takes_tensors = False

    def check(self, backbone: Backbone) -> None:
        """Raise ConfigError where the model lacks what the source needs."""

    def check_images(
        self, backbone: Backbone, settings: tuple[Structure, ControlArguments], images: Sequence[Any]
    ) -> None:
        """Raise InputError for a picture's structure images, as the caller gave them, and arguments that the source cannot use.

        Raises UnsupportedModel for images that settings would bring to a part that the model lacks.
        """
        _, arguments = settings
        arguments.refuse(
            arguments.given,
            "these steer a ControlNet or T2I-Adapter: IdentitySession(controlnet=...) and Structure(control='controlnet').",
        )
        if len(images) > 1:
            raise InputError(
                f"structure= has {len(images)} images for one picture, which several ControlNets take: Structure(control='controlnet') and "
                "IdentitySession(controlnet=[...]). A list instead of a tuple makes a picture of each."
            )

    def encode(
        self, backbone: Backbone, structure: AlignedStructure, settings: tuple[Structure, ControlArguments]
    ) -> EncodedStructure:
        """What is made once of a picture's structure on the canvas."""
        return EncodedStructure()

    def guide(self, context: StructureContext) -> StructureGuide:
        """What steers one image."""
        return StructureGuide()

    def install(self, hooks: Hooks, backbone: Backbone, current: CurrentForward, structure: Structure) -> None:
        """Put hooks on the model for the length of a call. Raises UnsupportedModel."""
