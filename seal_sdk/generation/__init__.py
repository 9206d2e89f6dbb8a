"""Generating: requests become plans, plans go through the denoising loop, and the loop's latents become images.

What happens inside the model is done by hooks that are gone after each call.
"""

from __future__ import annotations

from seal_sdk.generation.generator import ImageGenerator
from seal_sdk.generation.input_cache import InputCache
from seal_sdk.generation.request import ImageArguments, NoiseArguments, Request, make_requests
from seal_sdk.generation.settings import Sampling, Settings

__all__ = [
    "ImageArguments",
    "ImageGenerator",
    "InputCache",
    "NoiseArguments",
    "Request",
    "Sampling",
    "Settings",
    "make_requests",
]
