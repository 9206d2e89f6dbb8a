"""Whether a ControlNet or T2I-Adapter can work beside a UNet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from seal_sdk.backbone.control.base import Host
from seal_sdk.errors import ConfigError


def check_placement(module: nn.Module, nets: Sequence[Any], host: Host) -> None:
    """Raise ConfigError for a net of another dtype than the UNet's, or on another device than it computes on.

    Nets that accelerate moves by itself (offloading) are on the right device when they compute.
    """
    dtype, device = host.unet.dtype, host.device
    for net in nets:
        if net.dtype != dtype:
            raise ConfigError(
                f"controlnet= is in {_name(net.dtype)} and the model in {_name(dtype)}: convert it, controlnet.to({dtype}), or say "
                "precision= when opening the session."
            )
        moved = hasattr(module, "_hf_hook") or hasattr(net, "_hf_hook")
        if net.device.type != device.type and not moved:
            raise ConfigError(
                f"controlnet= is on {net.device} and the model on {device}: move it there, controlnet.to({str(device)!r})."
            )


def check_residuals(nets: Sequence[Any], host: Host) -> None:
    """Raise ConfigError for a ControlNet of another architecture, or of other images than RGB.

    What it adds must match the UNet's skip connections: diffusers leaves out what is too much, and the picture is wrong.
    """
    unet, wanted = host.unet, skip_channels(host.unet)
    for net in nets:
        given = tuple(each.out_channels for each in net.controlnet_down_blocks)
        text, reads = unet.config["cross_attention_dim"], net.config["cross_attention_dim"]
        if given != wanted or text != reads:
            raise ConfigError(
                f"controlnet= was made for another model: it adds to features of {given} channels and reads prompts of width {reads}; this "
                f"UNet's have {wanted} and {text}. Give one that was trained for the session's model."
            )
        if net.config["conditioning_channels"] != 3:
            raise ConfigError(
                f"controlnet= takes images of {net.config['conditioning_channels']} channels, and structure images are RGB. Give another."
            )


def skip_channels(unet: Any) -> tuple[int, ...]:
    """Channels of the UNet's skip connections, in order: the first convolution's, then each layer's and downsampler's."""
    channels = [unet.config["block_out_channels"][0]]
    for block in unet.down_blocks:
        channels += [each.out_channels for each in (*block.resnets, *(block.downsamplers or ()))]
    return tuple(channels)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
