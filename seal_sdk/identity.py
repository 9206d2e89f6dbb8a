"""Identity: what was registered, opened lazily from the store."""

from __future__ import annotations

import io
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from store import StoredIdentity


class Identity:
    """A registered subject. Its K/V stay in the store until an image needs them.

    name: what it was registered as. digest: 64 hex digits of its manifest. prompt: what the reference shows. size: (width, height) of
    the reference as the model saw it, in pixels. box: the subject's (x0, y0, x1, y1) in those pixels. timesteps: those with cached K/V.
    """

    def __init__(self, stored: StoredIdentity, name: str) -> None:
        self.stored, self.name = stored, name

    @property
    def digest(self) -> str:
        return self.stored.digest

    @property
    def prompt(self) -> str:
        return self.stored.attributes["prompt"]

    @property
    def size(self) -> tuple[int, int]:
        width, height = self.stored.recipe["size"]
        return width, height

    @property
    def box(self) -> tuple[float, float, float, float]:
        x0, y0, x1, y1 = self.stored.attributes["box"]
        return x0, y0, x1, y1

    @cached_property
    def mask(self) -> np.ndarray:
        """(height, width) bool: where the subject is."""
        return np.asarray(self._picture("mask.png").convert("L")) > 127

    @cached_property
    def image(self) -> Image.Image:
        """The reference as the model saw it, RGB."""
        return self._picture("reference.png").convert("RGB")

    @cached_property
    def latents(self) -> np.ndarray | None:
        """(1, C, h, w) fp32: the reference's clean latents; None in identities of stores that did not keep them yet."""
        if "latents.npy" not in self.stored.attachments:
            return None
        return np.load(io.BytesIO(self.stored.attachment("latents.npy")), allow_pickle=False)

    @property
    def timesteps(self) -> tuple[int, ...]:
        return self.stored.timesteps

    @property
    def tokens(self) -> dict[str, list[int]] | None:
        """Block group -> the reference's tokens that are stored, by their place in its grid; None: all of them."""
        return self.stored.attributes.get("tokens")

    @property
    def nbytes(self) -> int:
        """Bytes of K/V in the store."""
        return self.stored.nbytes

    @property
    def model(self) -> dict[str, Any]:
        """Fingerprints of the model it was registered with."""
        return self.stored.recipe["model"]

    def zarr(self) -> Any:
        """A read-only Zarr store: ``zarr.open_group(identity.zarr(), mode="r")``."""
        return self.stored.zarr()

    def _picture(self, attachment: str) -> Image.Image:
        return Image.open(io.BytesIO(self.stored.attachment(attachment)))

    def __repr__(self) -> str:
        return (
            f"Identity({self.name!r}, {self.digest[:12]}, {len(self.timesteps)} timesteps, {self.nbytes / 1e6:.1f} MB)"
        )
