"""The models that a backbone is made of, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from seal_sdk.backbone.unet import UNetBackbone


def model_parts(backbone: UNetBackbone) -> dict[str, nn.Module]:
    """The pipeline's models under diffusers' names, and the session's ControlNet, which need not be the pipeline's own."""
    parts = {name: each for name, each in backbone.pipe.components.items() if isinstance(each, nn.Module)}
    given = backbone.controlnet
    if given is not None and all(each is not given for each in parts.values()):
        parts["session_controlnet" if "controlnet" in parts else "controlnet"] = given
    return parts
