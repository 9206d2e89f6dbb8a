"""Images of requests. Their bytes come with the request: no path is ever opened, and an address only where the service allows it."""

from __future__ import annotations

import base64
import binascii
import io
import re
from dataclasses import dataclass

from PIL import Image

from seal_sdk.errors import ImageError
from seal_sdk.images.download import is_url
from seal_sdk.images.reading import decoding
from seal_sdk.serving.http.public_addresses import fetch_public

FORMATS = ("PNG", "JPEG", "WEBP")
DATA_URL = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)


@dataclass(frozen=True)
class ImageReader:
    """most_pixels: of one image. allow_urls: whether an http(s) URL is fetched."""

    most_pixels: int
    allow_urls: bool = False

    def from_text(self, text: str, what: str) -> Image.Image:
        """An image that a request holds as text: base64, a data URL, or an address. Raises ImageError. what: its field."""
        if is_url(text):
            if not self.allow_urls:
                raise ImageError(
                    f"{what}: this service fetches no addresses. Send the image itself, as base64 or a data URL."
                )
            return self.from_bytes(fetch_public(text, what), what)
        start = DATA_URL.match(text)
        try:
            data = base64.b64decode(text[start.end() if start else 0 :], validate=True)
        except (binascii.Error, ValueError) as error:
            raise ImageError(f"{what}: expected an image as base64 or a data URL; paths are not opened.") from error
        return self.from_bytes(data, what)

    def from_bytes(self, data: bytes, what: str) -> Image.Image:
        """A file's image, loaded. Its size is known, and allowed, before anything is decoded. Raises ImageError."""
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        except Image.DecompressionBombError as error:
            raise ImageError(f"{what} is too large: at most {self.most_pixels} pixels are taken.") from error
        except Exception as error:  # decoders raise anything on hostile bytes
            raise ImageError(f"{what} is no image: expected PNG, JPEG or WebP.") from error
        width, height = image.size
        if width * height > self.most_pixels:
            raise ImageError(
                f"{what} is too large: {width}x{height}; at most {self.most_pixels} pixels are taken. Resize it."
            )
        with decoding(what):
            image.load()
        return image


def painted_where_transparent(mask: Image.Image) -> Image.Image:
    """OpenAI's mask as the SDK's: white where it is transparent. Raises ImageError for a mask without transparency."""
    if not mask.has_transparency_data:
        raise ImageError("mask has no transparency: what is to be painted anew has to be transparent in it.")
    return mask.convert("RGBA").getchannel("A").point([255 - level for level in range(256)])


def held_bytes(image: Image.Image) -> int:
    """What a loaded image takes of memory, roughly."""
    return 4 * image.width * image.height
