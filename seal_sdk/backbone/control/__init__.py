"""What steers the UNet from outside: ControlNets, ControlNet-Union and T2I-Adapters behind one protocol, `ControlModel`."""

from __future__ import annotations

from seal_sdk.backbone.control.arguments import NO_CONTROL, ControlArguments
from seal_sdk.backbone.control.base import ActiveControl, Control, ControlModel, ControlStep, Host
from seal_sdk.backbone.control.loading import load_controlnet
from seal_sdk.backbone.control.model import control_model, nets_of
from seal_sdk.backbone.control.packed import PackedControl, pack_controls

__all__ = [
    "NO_CONTROL",
    "ActiveControl",
    "Control",
    "ControlArguments",
    "ControlModel",
    "ControlStep",
    "Host",
    "PackedControl",
    "control_model",
    "load_controlnet",
    "nets_of",
    "pack_controls",
]
