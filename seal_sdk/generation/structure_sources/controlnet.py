"""A ControlNet, in place of training-free injection (Zhang et al., ICCV 2023, arXiv 2302.05543)."""

from __future__ import annotations

from seal_sdk.backbone.base import Backbone
from seal_sdk.errors import ConfigError
from seal_sdk.generation.structure_sources.source import StructureContext, StructureGuide, StructureSource


class ControlNet(StructureSource):
    """The session's ControlNet sees the aligned structure image in every forward."""

    def check(self, backbone: Backbone) -> None:
        """Raise ConfigError for a session without a ControlNet."""
        if not backbone.has_controlnet:
            raise ConfigError(
                "Structure(control='controlnet') needs a ControlNet: IdentitySession(..., controlnet='folder or hub id')."
            )

    def guide(self, context: StructureContext) -> StructureGuide:
        """The image as the ControlNet takes it, and how much it weighs."""
        return StructureGuide(control=context.backbone.control_image(context.image, context.structure.scale))


SOURCE = ControlNet()
