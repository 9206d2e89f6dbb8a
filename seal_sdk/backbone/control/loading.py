"""From whatever the user calls a ControlNet to diffusers' module of it."""

from __future__ import annotations

import os
from typing import Any

import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel
from torch import nn

from seal_sdk.backbone.control.model import KINDS, kind_of, nets_of
from seal_sdk.errors import ConfigError, WeightsNotFound
from seal_sdk.pocket import CONTROLNET_FOLDER

TAKEN = "a ControlNetModel, a ControlNetUnionModel or a T2IAdapter, a folder or hub id of one, or a list of several of one kind"


def load_controlnet(controlnet: Any, device: torch.device, dtype: torch.dtype) -> nn.Module | None:
    """The module of a ControlNet, ControlNet-Union or T2I-Adapter, of several of one kind, or of folders or hub ids of them; or "pocket".

    What is loaded comes onto this device and in this dtype; an object stays as it is. Several become diffusers' class of several.
    Raises WeightsNotFound, or ConfigError for anything else.
    """
    if controlnet is None:
        return None
    if isinstance(controlnet, (list, tuple)):
        nets = [_net(each, device, dtype) for each in controlnet]
        return _several(nets)
    net: nn.Module = _net(controlnet, device, dtype)
    if kind_of(nets_of(net)) is None:
        raise ConfigError(f"controlnet= is a {type(net).__name__}: expected {TAKEN}.")
    return net


def _several(nets: list[Any]) -> nn.Module:
    kind = kind_of(nets)
    if kind is None:
        names = ", ".join(type(each).__name__ for each in nets) or "nothing"
        raise ConfigError(f"controlnet= is a list of {names}: expected {TAKEN}.")
    try:
        several: nn.Module = nets[0] if len(nets) == 1 else KINDS[kind](nets)
    except ValueError as error:  # adapters that shrink images differently
        raise ConfigError(f"controlnet= is a list of adapters that do not go together: {error}") from error
    return several


def _net(given: Any, device: torch.device, dtype: torch.dtype) -> Any:
    if not isinstance(given, (str, os.PathLike)):
        return given
    source = str(CONTROLNET_FOLDER) if given == "pocket" else os.fspath(given)
    try:
        kind: Any = _kind_of_config(ControlNetModel.load_config(source), source)
        net: nn.Module = kind.from_pretrained(source, dtype=dtype)
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise WeightsNotFound(
            f"controlnet={given!r} is neither a diffusers folder nor a hub id that can be reached: {error}"
        ) from error
    return net.to(device)


def _kind_of_config(config: Any, source: str) -> type[nn.Module]:
    """The class of a ``config.json``; early ones of ControlNet-Union name another class."""
    named = str(config.get("_class_name", ControlNetModel.__name__))
    if "num_control_type" in config:
        named = ControlNetUnionModel.__name__
    kind = next((each for each in KINDS if each.__name__ == named), None)
    if kind is None:
        raise ConfigError(f"controlnet={source!r} is a {named}: expected {TAKEN}.")
    return kind
