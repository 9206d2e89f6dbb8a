"""Digests of what images and masks show, whatever file they came from."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def pixels_digest(image: Image.Image) -> str:
    """SHA-256 of an image's size and RGB pixels, 64 hex digits."""
    return hashlib.sha256(f"{image.size}".encode() + image.convert("RGB").tobytes()).hexdigest()


def mask_digest(mask: NDArray[np.bool_]) -> str:
    """SHA-256 of a boolean mask's shape and bits, 64 hex digits."""
    return hashlib.sha256(f"{mask.shape}".encode() + np.packbits(mask.astype(bool)).tobytes()).hexdigest()
