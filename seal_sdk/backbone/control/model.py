"""From a module of diffusers to the `ControlModel` that drives it, and which modules these are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diffusers.models.adapter import MultiAdapter, T2IAdapter
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel
from diffusers.models.controlnets.multicontrolnet import MultiControlNetModel
from diffusers.models.controlnets.multicontrolnet_union import MultiControlNetUnionModel
from torch import nn

from seal_sdk.backbone.control.base import ControlModel, Host
from seal_sdk.backbone.control.controlnet import ControlNets
from seal_sdk.backbone.control.t2i_adapter import T2IAdapters

KINDS: dict[type[nn.Module], type[Any]] = {
    ControlNetModel: MultiControlNetModel,
    ControlNetUnionModel: MultiControlNetUnionModel,
    T2IAdapter: MultiAdapter,
}
"""diffusers' class of one -> its class of several."""


def nets_of(module: nn.Module) -> tuple[nn.Module, ...]:
    """The single nets of one of diffusers' classes of several; else the module alone."""
    several: Any = getattr(module, "nets", None) or getattr(module, "adapters", None)
    return (module,) if several is None else tuple(several)


def kind_of(nets: Sequence[Any]) -> type[nn.Module] | None:
    """The class that all of these are of, compiled or not; None where they are of several, or of none that is known."""
    plain = [getattr(each, "_orig_mod", each) for each in nets]
    return next((kind for kind in KINDS if plain and all(isinstance(each, kind) for each in plain)), None)


def control_model(module: nn.Module, host: Host) -> ControlModel:
    """The model that drives a module of `KINDS` beside its host."""
    driver = T2IAdapters if kind_of(nets_of(module)) is T2IAdapter else ControlNets
    return driver(module, nets_of(module), host)
