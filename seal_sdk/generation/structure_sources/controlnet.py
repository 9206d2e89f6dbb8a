"""ControlNets and T2I-Adapters, in place of training-free injection; see `seal_sdk.backbone.control`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seal_sdk.backbone.base import Backbone
from seal_sdk.backbone.control import ControlArguments, ControlModel
from seal_sdk.config import Structure
from seal_sdk.errors import ConfigError, InputError
from seal_sdk.generation.structure import AlignedStructure
from seal_sdk.generation.structure_sources.source import (
    EncodedStructure,
    StructureContext,
    StructureGuide,
    StructureSource,
)


class ControlNet(StructureSource):
    """The session's ControlNets or T2I-Adapters see the aligned structure images in every forward."""

    takes_tensors = True

    def check(self, backbone: Backbone) -> None:
        """Raise ConfigError for a session without a ControlNet, or with one that does not fit its model."""
        _model(backbone).check_fit()

    def check_images(
        self, backbone: Backbone, settings: tuple[Structure, ControlArguments], images: Sequence[Any]
    ) -> None:
        """Raise InputError for missing images, and for what the ControlNet does not take."""
        _, arguments = settings
        if not images:
            arguments.refuse(arguments.given, "these steer by structure images, and there is none: give structure=.")
            return
        if any(each is None for each in images):
            raise InputError("structure= has None among a picture's images: give one image for each ControlNet.")
        _model(backbone).check(arguments, len(images))

    def encode(
        self, backbone: Backbone, structure: AlignedStructure, settings: tuple[Structure, ControlArguments]
    ) -> EncodedStructure:
        """The images as the ControlNets take them, and how much they weigh."""
        given, arguments = settings
        images = structure.images if structure.tensors is None else structure.tensors
        return EncodedStructure(control=_model(backbone).prepare(images, arguments, given.scale))

    def guide(self, context: StructureContext) -> StructureGuide:
        """The images, the same for all pictures that follow them."""
        return StructureGuide(control=context.encoded.control)


def _model(backbone: Backbone) -> ControlModel:
    model = backbone.control_model
    if model is None:
        raise ConfigError(
            "Structure(control='controlnet') needs a ControlNet: IdentitySession(..., controlnet='folder or hub id')."
        )
    return model


SOURCE = ControlNet()
