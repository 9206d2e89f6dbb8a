"""The models that a backbone is made of, by name, and where they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from seal_sdk.pocket import PIPELINE_FOLDER

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


def source_name(pipe: Any) -> str:
    """Where a pipeline came from: "pocket", the last part of a folder or hub id; else its class."""
    source = str(getattr(pipe.config, "_name_or_path", "") or type(pipe).__name__)
    return "pocket" if source == str(PIPELINE_FOLDER) else source.rsplit("/", 1)[-1]
