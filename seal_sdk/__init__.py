"""SeAl SDK: keep a subject's identity across images. Register one reference, then draw it in any pose, on any scene.

The method is SeAl (Semantic Alignment for Pose-Invariant Identity Preserving Diffusion, CVPR 2026), training-free on SDXL.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seal_sdk.callbacks import Callback, ImageWriter, ProgressBar
    from seal_sdk.config import Alignment, Appearance, DeltaBridge, Structure
    from seal_sdk.errors import SealError
    from seal_sdk.generation.regions import Region
    from seal_sdk.identity import Identity
    from seal_sdk.result import Generation
    from seal_sdk.seeding import seed_everything
    from seal_sdk.session import IdentitySession

_HOMES = {
    "Alignment": "config",
    "Appearance": "config",
    "Callback": "callbacks",
    "DeltaBridge": "config",
    "Generation": "result",
    "Identity": "identity",
    "IdentitySession": "session",
    "ImageWriter": "callbacks",
    "ProgressBar": "callbacks",
    "Region": "generation.regions",
    "SealError": "errors",
    "Structure": "config",
    "seed_everything": "seeding",
}

__all__ = [
    "Alignment",
    "Appearance",
    "Callback",
    "DeltaBridge",
    "Generation",
    "Identity",
    "IdentitySession",
    "ImageWriter",
    "ProgressBar",
    "Region",
    "SealError",
    "Structure",
    "seed_everything",
]


def __getattr__(name: str) -> Any:
    """Names load when they are used, so that the admin commands never import torch."""
    if name in _HOMES:
        return getattr(import_module(f"seal_sdk.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'seal_sdk' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
