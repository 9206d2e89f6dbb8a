"""Schedulers that people sample with, by name, for benchmarks. Each is made of the model's own scheduler's settings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import diffusers

SCHEDULERS: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "ddim": ("DDIMScheduler", {}),
        "euler": ("EulerDiscreteScheduler", {}),
        "euler-ancestral": ("EulerAncestralDiscreteScheduler", {}),
        "dpm++2m": ("DPMSolverMultistepScheduler", {}),
        "dpm++2m-karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
        "unipc": ("UniPCMultistepScheduler", {}),
        "lcm": ("LCMScheduler", {}),
        "tcd": ("TCDScheduler", {}),
    }
)
"""Name -> diffusers' class, and what is changed of the model's settings."""


def scheduler_like(own: Any, name: str) -> Any:
    """A scheduler of `SCHEDULERS` with the settings of another, ``own``, that it knows."""
    kind, changes = SCHEDULERS[name]
    return getattr(diffusers, kind).from_config(own.config, **changes)
