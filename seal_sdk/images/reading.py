"""Reading images from whatever a caller has, and refusing what is broken, hostile, empty or far too large."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from seal_sdk.errors import ImageError
from seal_sdk.images.download import fetch, is_url, public_url
from seal_sdk.images.tensors import is_tensor, single, tensor_pixels

MAX_SIDE = 16_384
MAX_PIXELS = 100_000_000


@dataclass(frozen=True, eq=False)
class Picture:
    """An image that was read.

    image: RGB, 8 bits a channel, upright, in sRGB, over white where it is transparent.
    alpha: (H, W) uint8, how opaque each pixel is; None if the image is opaque everywhere.
    """

    image: Image.Image
    alpha: NDArray[np.uint8] | None = None


def read_image(source: Any) -> Image.Image:
    """RGB image, 8 bits a channel, upright, in sRGB.

    source: path, http(s) URL, PIL image, bytes, file object, array or tensor. Arrays are (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), and
    torch's tensors (H, W) or (C, H, W), alone or as a batch of one; they hold uint8 or uint16, or floats in [0, 1].
    EXIF rotation is applied, transparency goes over white, 16-bit and CMYK images are converted, ICC profiles are applied.
    Raises ImageError, which names the source, for anything that is not a whole image of a sensible size.
    """
    return read_picture(source).image


def read_picture(source: Any) -> Picture:
    """As `read_image`, with the alpha channel. Raises ImageError."""
    what = describe(source)
    if is_tensor(source):
        source = tensor_pixels(source)
    if isinstance(source, np.ndarray):
        return _picture(_from_array(single(source), what), what)
    image = open_upright(source)
    with decoding(what):
        return _picture(image, what)


def open_upright(source: Any) -> Image.Image:
    """A path, URL, PIL image, bytes or file object as a PIL image: loaded, upright, in its own mode. Raises ImageError."""
    what = describe(source)
    image = source if isinstance(source, Image.Image) else _open(source, what)
    _check_size(image.size, what)
    if image.format == "EPS":  # Pillow would run Ghostscript on it
        raise ImageError(f"{what} is PostScript, which is a program rather than pixels: export it as PNG.")
    with decoding(what):
        image.load()
        return ImageOps.exif_transpose(image)


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """Turns whatever a decoder raises into an ImageError. what: `describe` of the source."""
    try:
        yield
    except ImageError:
        raise
    except Exception as error:  # decoders raise anything on hostile bytes
        raise ImageError(f"{what} is broken or truncated: {error}.") from error


def fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The image on a canvas of (width, height): scaled, aspect ratio kept, until it covers the canvas, then cropped around its centre."""
    if image.size == size:
        return image
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def describe(source: Any) -> str:
    """What an error message calls a source."""
    if is_url(source):
        return f"Image {public_url(source)!r}"
    if isinstance(source, (str, os.PathLike)):
        return f"Image {os.fspath(source)!r}"
    filename = getattr(source, "filename", "") or getattr(source, "name", "")
    return (
        f"Image {filename!r}"
        if isinstance(filename, str) and filename
        else f"The image given as {type(source).__name__}"
    )


def _open(source: Any, what: str) -> Image.Image:
    try:
        return Image.open(_encoded(source, what))
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f"{what} is too large: {error}.") from error
    except Exception as error:  # decoders raise anything on hostile bytes
        raise ImageError(f"{what} is not an image that Pillow can read ({error}).") from error


def _encoded(source: Any, what: str) -> Any:
    """What Pillow opens: a file's path, or an open file. Raises ImageError for what is missing or no source of images."""
    if is_url(source):
        return io.BytesIO(fetch(source, what))
    if isinstance(source, (bytes, bytearray, memoryview)):
        return io.BytesIO(source)
    if isinstance(source, (str, os.PathLike)):
        path = Path(source).expanduser()
        if not path.is_file():
            raise ImageError(f"{what}: there is no such file.")
        if not path.stat().st_size:
            raise ImageError(f"{what} is empty (0 bytes).")
        return path
    if hasattr(source, "read"):
        return source
    alone = " Here one image is taken, not a list." if isinstance(source, (list, tuple)) else ""
    raise ImageError(f"{what}: expected a path, a URL, a PIL image, an array, a tensor, bytes or a file object.{alone}")


def _check_size(size: tuple[int, int], what: str) -> None:
    width, height = size
    if not width or not height:
        raise ImageError(f"{what} has no pixels: it is {width}x{height}.")
    if max(size) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageError(
            f"{what} is too large: {width}x{height} pixels; at most {MAX_SIDE} a side and {MAX_PIXELS // 10**6} million in all. Resize it."
        )


def _picture(image: Image.Image, what: str) -> Picture:
    if image.mode.startswith("I"):
        return Picture(_from_array(_sixteen_bits(np.asarray(image), what), what).convert("RGB"))
    if image.mode == "F":
        return Picture(_from_array(np.asarray(image), what).convert("RGB"))
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        image = _to_srgb(image, profile)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
        white = Image.new("RGBA", image.size, "white")
        return Picture(Image.alpha_composite(white, image).convert("RGB"), alpha if alpha.min() < 255 else None)
    return Picture(image.convert("RGB"))


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Colours as the profile means them; a profile that cannot be read is ignored, as browsers do."""
    mode = image.mode if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError):
        return image
    return converted if converted is not None else image


def _from_array(array: np.ndarray, what: str) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ImageError(
            f"{what} has shape {array.shape}: expected (H, W), (H, W, 3) or (H, W, 4), pixels first, or a torch tensor (C, H, W); "
            "of several images give a list."
        )
    _check_size((array.shape[1], array.shape[0]), what)
    return Image.fromarray(_to_uint8(array, what))


def _sixteen_bits(array: np.ndarray, what: str) -> np.ndarray:
    """Pillow's integer greys, which may be 32 bits wide, as the 16 bits that they nearly always hold."""
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 65535:
        raise ImageError(f"{what} holds integers from {low} to {high}: expected 8 or 16 bits.")
    return array.astype(np.uint16)


def _to_uint8(array: np.ndarray, what: str) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype(np.uint8) * 255
    if array.dtype == np.uint16:
        return (array / 257).round().astype(np.uint8)  # 65535 / 255
    if not np.issubdtype(array.dtype, np.floating):
        raise ImageError(f"{what} holds {array.dtype}: expected uint8, uint16, or floats in [0, 1].")
    if not np.isfinite(array).all():
        raise ImageError(f"{what} holds NaN or infinity.")
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 1:
        raise ImageError(f"{what} holds floats from {low:g} to {high:g}: expected [0, 1].")
    return (array * 255).round().astype(np.uint8)
