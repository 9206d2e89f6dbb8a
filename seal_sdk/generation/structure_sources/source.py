"""What a source of structure does: it prepares an image's guide, and may put hooks on the model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from seal_sdk.backbone.base import Backbone, ControlImage
from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.config import Structure
from seal_sdk.generation.forward import CurrentForward


@dataclass(frozen=True, eq=False)
class StructureRow:
    """A row of its own in the model's batch: clean latents and fixed noise (1, C, h, w), and its prompt."""

    latents: Tensor
    noise: Tensor
    conditioning: Conditioning


@dataclass(frozen=True, eq=False)
class StructureGuide:
    """What steers one image: a row in the batch, an image for a ControlNet, both or nothing."""

    row: StructureRow | None = None
    control: ControlImage | None = None


@dataclass(frozen=True, eq=False)
class StructureContext:
    """What a source may use. image: on the canvas. latents: (1, C, h, w) of it, encoded when first asked and shared by a batch."""

    backbone: Backbone
    structure: Structure
    image: Image.Image
    generator: torch.Generator
    conditioning: Conditioning
    latents: Tensor | None = None


class StructureSource:
    """Base of the sources; this one steers nothing.

    needs_latents: whether `StructureContext.latents` are wanted. uses_image: whether structure images count at all.
    """

    needs_latents = False
    uses_image = True

    def check(self, backbone: Backbone) -> None:
        """Raise ConfigError where the model lacks what the source needs."""

    def guide(self, context: StructureContext) -> StructureGuide:
        """What steers one image."""
        return StructureGuide()

    def install(self, hooks: Hooks, backbone: Backbone, current: CurrentForward, structure: Structure) -> None:
        """Put hooks on the model for the length of a call. Raises UnsupportedModel."""
