"""Size of the images to draw, and the part of the schedule to sample, where they are drawn from pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image
from torch import Tensor

from seal_sdk.backbone.base import Backbone
from seal_sdk.backbone.window import Window
from seal_sdk.errors import InputError
from seal_sdk.generation.picture import PictureInput

NEARLY_ALL = 0.9999  # diffusers' default strength of inpainting


def canvas_size(
    backbone: Backbone, size: tuple[int | None, int | None], pictures: Sequence[PictureInput] | None
) -> tuple[int, int]:
    """(height, width) in pixels: as asked for; else of img2img its (first) picture's, and of all else the model's own.

    Raises SizeError for sizes that the model cannot draw.
    """
    first = pictures[0] if pictures else None
    if first is not None and (first.mask is None or not isinstance(first.image, Image.Image)):
        own = first.natural_size(backbone.geometry.pixels_per_latent)
        size = (own[0] if size[0] is None else size[0], own[1] if size[1] is None else size[1])
    return backbone.geometry.check_size(*size)


def window_for(backbone: Backbone, window: Window, pictures: Sequence[PictureInput] | None) -> Window:
    """The window with the strength that diffusers has by default. Raises InputError where a picture is missing."""
    if not pictures:
        for name in ("strength", "denoising_start"):
            if name in window.given:
                raise InputError(f"{name}={window.given[name]} needs a picture to start from: give image=.")
        if backbone.pictures.takes_mask:
            raise InputError(
                "This model's UNet takes a mask and a masked picture beside its latents (9 channels): it only paints into pictures. "
                "Give image= and mask_image=, or use the base model."
            )
        return window
    masked = pictures[0].mask is not None
    if backbone.pictures.takes_mask and not masked:
        raise InputError(
            "This model's UNet paints within a mask (9 channels): give mask_image=, or use the base model."
        )
    if backbone.pictures.takes_mask and any(
        isinstance(each.image, Tensor) and each.masked_latents is None for each in pictures
    ):
        raise InputError(
            "Of latents given as image= this model's UNet cannot mask anything: give masked_image_latents= too."
        )
    return window if window.skips_the_start else replace(window, strength=backbone.pictures.default_strength(masked))


def check_latents(window: Window, pictures: Sequence[PictureInput] | None, latents: Tensor | None) -> None:
    """Raise InputError for first latents that diffusers would scale as pure noise, at a step that has less."""
    if latents is None or not pictures or pictures[0].mask is None or window.strength is None:
        return
    if window.strength < NEARLY_ALL:
        raise InputError(
            f"latents= beside mask_image= are noise for the first step of the schedule, which strength={window.strength} leaves out: "
            "use strength=1, or leave latents out."
        )
