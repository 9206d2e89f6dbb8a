"""A picture to draw into, as the caller gives it: diffusers' ``image``, ``mask_image`` and what goes with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from seal_sdk.errors import InputError
from seal_sdk.images import float_batch, image_batch, read_grey_mask, read_image

RGB = 3
ASPECT_TOLERANCE = 0.02  # a mask of another aspect ratio would be stretched over other parts of the picture


@dataclass(frozen=True, eq=False)
class PictureInput:
    """One picture. image: RGB, or latents (1, C, h, w).

    mask: grey, white where it is to be painted; None: everywhere (img2img). masked_latents: (1, C, h, w) of the picture without what is
    to be painted, for models that take a mask; None: encoded from the picture. padding: pixels around the mask where only its
    surroundings are drawn, None for the whole picture. exact: (1, 3, H, W) in [0, 1], where the image was given as floats.
    """

    image: Image.Image | Tensor
    mask: Image.Image | None = None
    masked_latents: Tensor | None = None
    padding: int | None = None
    exact: Tensor | None = None

    def natural_size(self, pixels_per_latent: int) -> tuple[int, int]:
        """(height, width) in pixels at which it is drawn where nobody says: its own, cut to whole latents."""
        if isinstance(self.image, Tensor):
            return self.image.shape[-2] * pixels_per_latent, self.image.shape[-1] * pixels_per_latent
        width, height = (side - side % pixels_per_latent for side in self.image.size)
        return height, width


@dataclass(frozen=True, eq=False)
class PictureArguments:
    """diffusers' arguments of img2img and inpainting, single values or lists.

    image: a picture to start from, whatever `read_image` takes, or latents: a tensor (C, h, w) or (B, C, h, w). With a mask it is stretched
    to ``height`` and ``width``, as in diffusers; without, these are its own where they are not given.
    mask_image: what is to be painted of it, white on black (`read_grey_mask`); None: everything.
    masked_image_latents: a tensor (B, C, h, w), for UNets of 9 channels; None: encoded from the picture.
    padding_mask_crop: draws only the mask and so many pixels around it, at full size, and lays that over the picture.
    Raises InputError for what does not go together, and whatever the readers raise.
    """

    image: Any = None
    mask_image: Any = None
    masked_image_latents: Any = None
    padding_mask_crop: int | None = None

    def __post_init__(self) -> None:
        needs = {"mask_image": "image", "masked_image_latents": "mask_image", "padding_mask_crop": "mask_image"}
        for name, other in needs.items():
            if getattr(self, name) is not None and getattr(self, other) is None:
                raise InputError(f"{name}= needs {other}=, which is not given.")
        padding = self.padding_mask_crop
        if padding is not None and (type(padding) is not int or padding < 0):
            raise InputError(f"padding_mask_crop={padding!r}: expected a number of pixels, an integer >= 0.")

    def read(self, channels: int) -> list[PictureInput] | None:
        """One per picture; None where there is none. channels: of the model's latents."""
        if self.image is None:
            return None
        columns = [_split(each) for each in (self.image, self.mask_image, self.masked_image_latents)]
        count = max(map(len, columns))
        if any(len(column) not in (1, count) for column in columns):
            lengths = [len(column) for column in columns]
            raise InputError(
                f"image, mask_image and masked_image_latents are {lengths} in number: expected one length."
            )
        read = _once(lambda source: _image(source, channels)), _once(read_grey_mask), _once(_masked_latents)
        rows = [[column[0 if len(column) == 1 else row] for column in columns] for row in range(count)]
        pictures = [[each(value) for each, value in zip(read, row, strict=True)] for row in rows]
        return [self._picture(*each, exact=_exact(row[0])) for each, row in zip(pictures, rows, strict=True)]

    def _picture(self, image: Any, mask: Any, masked_latents: Any, *, exact: Tensor | None) -> PictureInput:
        if image is None or (mask is None and self.mask_image is not None):
            raise InputError("Of a batch, either every image has a picture and a mask, or none has.")
        if mask is not None:
            _check_mask(image, mask, self.padding_mask_crop)
        exact = exact if isinstance(image, Image.Image) else None
        return PictureInput(image, mask, masked_latents, self.padding_mask_crop, exact)


def _split(source: Any) -> list[Any]:
    """One or many as a list (`image_batch`). Raises InputError for none."""
    pictures = image_batch(source)
    if not pictures:
        raise InputError("An empty list of pictures: give at least one, or leave it out.")
    return pictures


def _once(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Reads each object once; None stays None."""
    known: dict[int, Any] = {}

    def reading(source: Any) -> Any:
        if id(source) not in known:
            known[id(source)] = None if source is None else read(source)
        return known[id(source)]

    return reading


def _image(source: Any, channels: int) -> Image.Image | Tensor:
    """Tensors with as many channels as latents are latents, as in diffusers."""
    if isinstance(source, Tensor) and source.ndim >= 3 and source.shape[-3] == channels:
        return _latents("image", source)
    return read_image(source)


def _exact(source: Any) -> Tensor | None:
    """(1, 3, H, W) of a float tensor (3, H, W) or (1, 3, H, W), or array (H, W, 3): finer than a picture's 256 levels."""
    if isinstance(source, np.ndarray) and source.dtype.kind == "f" and source.ndim == 3 and source.shape[2] == RGB:
        source = torch.from_numpy(source).permute(2, 0, 1)
    batch = float_batch(source)
    return None if batch is None or batch.shape[1] != RGB else batch.float()


def _masked_latents(source: Any) -> Tensor:
    return _latents("masked_image_latents", source)


def _latents(name: str, source: Any) -> Tensor:
    """(1, C, h, w)."""
    if not isinstance(source, Tensor) or source.ndim not in (3, 4) or (source.ndim == 4 and len(source) != 1):
        raise InputError(f"{name}: expected latents, a tensor (C, h, w) or (B, C, h, w).")
    if not source.is_floating_point() or not torch.isfinite(source).all():
        raise InputError(f"{name}: expected latents of finite floating-point numbers.")
    return source if source.ndim == 4 else source[None]


def _check_mask(image: Image.Image | Tensor, mask: Image.Image, padding: int | None) -> None:
    if not np.asarray(mask).any():
        raise InputError("mask_image is black everywhere, so there is nothing to paint: white is what is painted.")
    if isinstance(image, Tensor):
        if padding is not None:
            raise InputError("padding_mask_crop= needs image= as a picture; of latents nothing can be cropped.")
        return
    (width, height), (across, down) = image.size, mask.size
    if padding is not None and image.size != mask.size:
        raise InputError(f"padding_mask_crop= needs mask_image ({across}x{down}) of image's size ({width}x{height}).")
    if abs(across * height - down * width) > ASPECT_TOLERANCE * across * height:
        raise InputError(
            f"mask_image is {across}x{down} and image {width}x{height}: a mask has to have its picture's aspect ratio."
        )
