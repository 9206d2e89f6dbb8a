"""An image's settings travel inside its PNG, however the app saves it."""

from __future__ import annotations

import json
import os
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from seal_sdk.errors import ImageError

KEY = "seal"


class DrawnImage(Image.Image):
    """A PIL image whose ``save`` writes its settings into PNG files, unless the caller gives a ``pnginfo``."""

    def save(self, fp: Any, format: str | None = None, **params: Any) -> None:
        """As Pillow's, with the settings."""
        if "pnginfo" not in params and KEY in self.info:
            params["pnginfo"] = PngInfo()
            params["pnginfo"].add_itxt(KEY, self.info[KEY])
        super().save(fp, format, **params)


def attach_settings(image: Image.Image, settings: dict[str, Any]) -> Image.Image:
    """Give a new image settings that travel in every PNG it is saved as; returns the same image."""
    image.__class__ = DrawnImage  # a copy would need Pillow's internals
    image.info[KEY] = json.dumps(settings, sort_keys=True)
    return image


def read_settings(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The settings of a PNG that the SDK made. Raises ImageError for anything else."""
    try:
        with Image.open(path) as image:
            image.load()
            text = image.info.get(KEY)
    except FileNotFoundError as error:
        raise ImageError(f"There is no file {os.fspath(path)!r}.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"{os.fspath(path)!r} is not an image that can be read: {error}") from error
    if text is None:
        raise ImageError(
            f"{os.fspath(path)!r} carries no SeAl settings: it was made elsewhere, or was saved as something other than PNG."
        )
    try:
        settings: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise ImageError(f"The SeAl settings in {os.fspath(path)!r} are damaged: {error}") from error
    return settings
