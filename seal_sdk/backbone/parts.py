"""The models that a backbone is made of, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

if TYPE_CHECKING:
    from seal_sdk.backbone.unet import UNetBackbone


def pipeline_parts(pipe: Any) -> dict[str, nn.Module]:
    """A pipeline's models under diffusers' names."""
    return {name: each for name, each in pipe.components.items() if isinstance(each, nn.Module)}


def model_parts(backbone: UNetBackbone) -> dict[str, nn.Module]:
    """The pipeline's models under diffusers' names, and the session's ControlNet, which need not be the pipeline's own."""
    parts = pipeline_parts(backbone.pipe)
    given = backbone.controlnet
    if given is not None and all(each is not given for each in parts.values()):
        parts["session_controlnet" if "controlnet" in parts else "controlnet"] = given
    return parts
