"""Masks: which pixels of an image are its subject."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seal_sdk.errors import ImageError, InputError
from seal_sdk.images.reading import Picture, decoding, describe, open_upright
from seal_sdk.images.tensors import is_tensor, single, tensor_pixels

LUMA = np.array([0.299, 0.587, 0.114])  # of red, green and blue (ITU-R BT.601)


def read_mask(source: Any) -> NDArray[np.bool_]:
    """(H, W) bool: what a mask marks.

    source: whatever `read_image` takes, in which the subject is white, or True, on black; or a cut-out, of which the opaque part counts.
    Arrays may also be (1, H, W), have two channels (grey and alpha), or hold any integers. A pixel is marked if it is brighter than half
    of full white; in a mask whose brightest pixel is darker than that, or floats in [0, 1], brighter than half of the brightest one.
    Raises ImageError for files that cannot be read, and InputError for arrays that are no mask.
    """
    return _marked(_levels(_as_array(source)))


def read_grey_mask(source: Any) -> Image.Image:
    """A grey image of 8 bits: how much a mask marks each pixel, 255 for wholly.

    source: as for `read_mask`, which marks what is brighter than half here. Raises as that does.
    """
    if isinstance(source, Image.Image) and source.mode in ("L", "RGB"):
        levels: NDArray[Any] = np.asarray(open_upright(source).convert("L"))
    else:
        levels = _levels(_as_array(source))
    return Image.fromarray(np.rint(levels / max(_white(levels), 1e-12) * 255.0).astype(np.uint8))


def cutout_mask(picture: Picture) -> NDArray[np.bool_] | None:
    """(H, W) bool: the opaque part of a cut-out; None for an image without transparent parts.

    Raises ImageError for an image that is transparent everywhere.
    """
    if picture.alpha is None:
        return None
    if not picture.alpha.any():
        raise ImageError("The image is transparent everywhere, so nothing of its subject shows.")
    mask = _marked(picture.alpha)
    return None if mask.all() else mask


def subject_mask(picture: Picture, box: Any, mask: Any) -> NDArray[np.bool_] | None:
    """The given mask as `read_mask` reads it; without a mask or box, that of a cut-out; else None. Raises as those do."""
    if mask is not None:
        return read_mask(mask)
    return cutout_mask(picture) if box is None else None


def warn_if_inverted(mask: NDArray[np.bool_], what: str) -> None:
    """Warn with a UserWarning when a subject's mask (H, W) bool looks like its background's.

    That is a mask that touches all four borders and covers more than half of the image, but not all of it.
    what: whose mask it is, "reference" or "structure".
    """
    touches = all(edge.any() for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
    if touches and 0.5 < mask.mean() < 1:
        warnings.warn(
            f"The {what} image's mask touches all four borders and covers {mask.mean():.0%}: it looks inverted. It is used as it is; "
            "the subject should be white, True or opaque, and all else black, False or transparent.",
            UserWarning,
            stacklevel=4,
        )


def _as_array(source: Any) -> NDArray[Any]:
    """A mask's pixels, (H, W) or (H, W, channels), as they are stored."""
    if isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview, Image.Image)) or hasattr(source, "read"):
        image = open_upright(source)
        with decoding(describe(source)):
            if image.mode in ("I", "F") or image.mode.startswith("I;"):
                return np.asarray(image)
            if image.has_transparency_data:
                return np.asarray(image.convert("RGBA"))
            return np.asarray(image if image.mode in ("1", "L") else image.convert("RGB"))
    pixels = single(tensor_pixels(source) if is_tensor(source) else np.asarray(source))
    return pixels[0] if pixels.ndim == 3 and pixels.shape[0] == 1 and pixels.shape[2] > 4 else pixels


def _levels(pixels: NDArray[Any]) -> NDArray[Any]:
    """(H, W): how much each pixel belongs to the subject: the alpha where it says something, else the brightness."""
    if not (
        np.issubdtype(pixels.dtype, np.integer) or np.issubdtype(pixels.dtype, np.floating) or pixels.dtype == bool
    ):
        raise InputError(f"The mask holds {pixels.dtype}: expected bool, integers or floats.")
    if np.isnan(pixels).any():
        raise InputError("The mask holds NaN.")
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.ndim not in (2, 3) or not 1 <= channels <= 4:
        raise InputError(f"mask of shape {pixels.shape}: expected (H, W), or (H, W, channels) with up to 4 channels.")
    if channels in (2, 4) and pixels[..., -1].min(initial=_opaque(pixels.dtype)) < _opaque(pixels.dtype):
        alpha: NDArray[Any] = pixels[..., -1]
        return alpha
    return pixels if pixels.ndim == 2 else _brightness(pixels[..., : channels - 1 if channels in (2, 4) else channels])


def _opaque(kind: np.dtype[Any]) -> float:
    """The alpha of an opaque pixel."""
    if kind.kind == "b" or np.issubdtype(kind, np.floating):
        return 1
    return 65535 if kind == np.uint16 else 255


def _brightness(pixels: NDArray[Any]) -> NDArray[Any]:
    """(H, W) of (H, W, 1) or (H, W, 3)."""
    if pixels.shape[2] == 1:
        grey: NDArray[Any] = pixels[..., 0]
        return grey
    if pixels.dtype == bool:
        return np.asarray(pixels.any(axis=2))
    brightness = pixels @ LUMA
    return np.asarray(brightness if np.issubdtype(pixels.dtype, np.floating) else np.rint(brightness))


def _marked(levels: NDArray[Any]) -> NDArray[np.bool_]:
    """What is brighter than half of the scale."""
    return np.asarray(levels > _white(levels) / 2)


def _white(levels: NDArray[Any]) -> float:
    """Full white: 255, or the brightest pixel if that is darker than 128 or does not fit 8 bits."""
    brightest = levels.max(initial=0)
    return 255 if 128 <= brightest <= 255 else float(brightest)
