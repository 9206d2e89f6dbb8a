"""diffusers' own way of composing pipelines: identities as modular blocks, and Delta-Bridge as a guider.

``IdentityBlocks`` are diffusers' modular SDXL blocks with an identity put in; its parts can be put into other blocks one by one.
Registering stays with :class:`seal_sdk.IdentitySession`. Importing this package raises ImportError where diffusers has no modular SDXL.
"""

from __future__ import annotations

try:
    from seal_sdk.modular.blocks import IdentityBlocks
    from seal_sdk.modular.decode import IdentityDecodeStep
    from seal_sdk.modular.denoise import (
        IdentityControlNetDenoiseStep,
        IdentityDenoiseStep,
        IdentityInpaintControlNetDenoiseStep,
        IdentityInpaintDenoiseStep,
        IdentityLoop,
    )
    from seal_sdk.modular.guidance import DeltaBridgeGuidance
    from seal_sdk.modular.identity_reader import IdentityReader
    from seal_sdk.modular.text_encoder import IdentityTextEncoderStep
except ImportError as error:
    if not (error.name or "").startswith("diffusers"):
        raise
    raise ImportError(
        "seal_sdk.modular needs diffusers 0.40 or newer, with modular pipelines for SDXL and guiders "
        f"(here {error.name} is missing or older): pip install -U 'diffusers>=0.40'"
    ) from error

__all__ = [
    "DeltaBridgeGuidance",
    "IdentityBlocks",
    "IdentityControlNetDenoiseStep",
    "IdentityDecodeStep",
    "IdentityDenoiseStep",
    "IdentityInpaintControlNetDenoiseStep",
    "IdentityInpaintDenoiseStep",
    "IdentityLoop",
    "IdentityReader",
    "IdentityTextEncoderStep",
]
