"""The diffusion model behind one protocol, `Backbone`: devices, latents, prompts, layers, noise levels, forwards.

All that knows diffusers lives here; adding a family of models is one file and one line in `loading`.
"""

from __future__ import annotations

from seal_sdk.backbone.base import (
    Backbone,
    Change,
    KeyValue,
    Sampler,
    SamplingState,
    SelfAttention,
    StructureDefaults,
)
from seal_sdk.backbone.conditioning import Conditioning, PromptTruncated, stack
from seal_sdk.backbone.geometry import LatentGeometry, Size

__all__ = [
    "Backbone",
    "Change",
    "Conditioning",
    "KeyValue",
    "LatentGeometry",
    "PromptTruncated",
    "Sampler",
    "SamplingState",
    "SelfAttention",
    "Size",
    "StructureDefaults",
    "stack",
]
