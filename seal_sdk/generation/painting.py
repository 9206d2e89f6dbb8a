"""A picture on the canvas: what is drawn of it, where, and how the result is laid over it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from seal_sdk.backbone.base import Backbone
from seal_sdk.backbone.picture import Crop, Pictures
from seal_sdk.errors import InputError
from seal_sdk.generation.overlay import lay_over, overlay_alpha
from seal_sdk.generation.picture import PictureInput


@dataclass(frozen=True, eq=False)
class Painting:
    """A picture on a canvas of (height, width) pixels.

    crop: (x0, y0, x1, y1) of the picture that is drawn, None for all of it. latents: (1, C, h, w) where the picture is given as such.
    mask: (1, 1, H, W) of zeros and ones, what is painted; None: everything.
    """

    given: PictureInput
    size: tuple[int, int]
    pictures: Pictures
    crop: Crop | None
    latents: Tensor | None
    mask: Tensor | None

    @cached_property
    def pixels(self) -> Tensor:
        """(1, 3, H, W) in [-1, 1], for pictures that are not given as latents."""
        assert isinstance(self.given.image, Image.Image)
        exact = self.given.exact if self.crop is None else None
        return self.pictures.pixels(self.given.image if exact is None else exact, self.size, self.crop)

    @property
    def image(self) -> Image.Image | None:
        """RGB, of the canvas's size; None for latents."""
        return None if self.latents is not None else self.pictures.image(self.pixels)

    @cached_property
    def region(self) -> NDArray[np.bool_] | None:
        """(H, W) what is painted; None: everything."""
        return None if self.mask is None else self.mask[0, 0].numpy() > 0

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """(x0, y0, x1, y1) around what is painted, in pixels of the canvas; None: everything is."""
        if self.region is None:
            return None
        rows, columns = (np.flatnonzero(self.region.any(axis=axis)) for axis in (1, 0))
        return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)

    @property
    def latent_mask(self) -> Tensor | None:
        """(1, 1, h, w) of zeros and ones, as diffusers shrinks it; None: everything is painted."""
        if self.mask is None:
            return None
        factor = self.pictures.pixels_per_latent
        return F.interpolate(self.mask, size=(self.size[0] // factor, self.size[1] // factor))

    def place_image(self, image: Image.Image) -> Image.Image:
        """Another image of what the picture shows, on the canvas."""
        assert isinstance(self.given.image, Image.Image)
        resized = image.resize(self.given.image.size, Image.Resampling.LANCZOS)
        return self.pictures.image(self.pictures.pixels(resized, self.size, self.crop))

    def place(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A mask (H, W) of the picture's pixels on the canvas."""
        grey = Image.fromarray(mask.astype(np.uint8) * 255)
        return self.pictures.mask(grey, self.size, self.crop)[0, 0].numpy() > 0

    def finish(self, drawn: Any, overlay: bool) -> Any:
        """What was drawn, a PIL image, array (H, W, 3) or tensor (3, H, W) in [0, 1], laid over the picture.

        Outside of the mask the picture stays bit for bit; without ``overlay``, or a mask, what was drawn stays as it is. Of a crop only
        the whole picture makes sense, so it is always laid over that, as in diffusers.
        """
        picture, mask = self.given.image, self.given.mask
        if mask is None or not isinstance(picture, Image.Image):
            return drawn
        if self.crop is not None:
            return self.pictures.overlay(mask, picture, drawn, self.crop)
        return lay_over(drawn, self.pixels, self._alpha) if overlay else drawn

    @cached_property
    def _alpha(self) -> NDArray[np.float32]:
        assert self.given.mask is not None and self.region is not None
        levels, ramp = self.pictures.levels(self.given.mask, self.size), self.pictures.pixels_per_latent
        return overlay_alpha(self.given.mask, levels, self.region, ramp)


def place_picture(backbone: Backbone, given: PictureInput, size: tuple[int, int]) -> Painting:
    """A picture on a canvas of (height, width) pixels.

    Raises InputError for latents of another size, and for a mask so small that no latent of it is painted.
    """
    pictures, crop, latents = backbone.pictures, None, None
    if given.mask is not None and given.padding is not None:
        crop = pictures.crop_region(given.mask, size, given.padding)
    if isinstance(given.image, Tensor):
        latents = _check_latents(backbone, "image", given.image, size)
    if given.masked_latents is not None:
        _check_latents(backbone, "masked_image_latents", given.masked_latents, size)
    mask = None if given.mask is None else pictures.mask(given.mask, size, crop)
    painting = Painting(given, size, pictures, crop, latents, mask)
    if painting.latent_mask is not None and not painting.latent_mask.any():
        step = backbone.geometry.pixels_per_latent
        raise InputError(
            f"mask_image is too small or too dark: nothing is left of it where {step}x{step} pixels are one latent. Paint more of it "
            "white, or draw around it only with padding_mask_crop=."
        )
    return painting


def _check_latents(backbone: Backbone, name: str, latents: Tensor, size: tuple[int, int]) -> Tensor:
    expected = (1, backbone.geometry.channels, *backbone.geometry.latent_size(size))
    if tuple(latents.shape) != expected:
        raise InputError(
            f"{name}: latents of shape {tuple(latents.shape)}, expected {expected} for an image of {size[0]}x{size[1]} pixels."
        )
    return latents.to(backbone.device, backbone.dtype)
