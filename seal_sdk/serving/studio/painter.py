"""A sheet to paint on: the mask of a subject over its picture, or a sketch on white paper."""

from __future__ import annotations

import base64
import binascii
import io
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seal_sdk.errors import InputError
from seal_sdk.images import Picture, read_picture
from seal_sdk.serving.studio.pictures import TINT, data_url

SCRIPT = Path(__file__).with_name("painter.js")
TEMPLATE = (
    '<div class="seal-chips" role="group" aria-label="Tools"></div>'
    '<div class="seal-stage seal-paper"><img alt="" hidden><canvas></canvas></div>'
)
INK = "rgb({}, {}, {})".format(*TINT[:3])
PNG = "data:image/png;base64,"


def painter(value: Any = None, *, ink: str = INK, fine: bool = False, **options: Any) -> gr.HTML:
    """A sheet to paint on. Its value is plain data from the browser, of which nothing is trusted: `read_paint` checks it.

    ink: the paint's CSS colour. fine: whether it begins with the fine brush.
    """
    return gr.HTML(
        value,
        html_template=TEMPLATE,
        js_on_load=SCRIPT.read_text(),
        apply_default_css=False,
        picture=None,
        ink=ink,
        fine=fine,
        **options,
    )


def sheet(size: tuple[int, int], paint: Image.Image | None = None) -> dict[str, Any]:
    """The value of a `painter`: a sheet of (width, height) pixels, with RGBA paint on it."""
    return {"width": size[0], "height": size[1], "paint": paint and data_url(paint, format="PNG")}


def read_paint(value: Any) -> Picture | None:
    """The paint, on white and with its alpha; None where nothing was painted.

    Raises InputError for a value that is none of a `painter`, or ImageError for a broken picture.
    """
    paint = value.get("paint") if isinstance(value, dict) else None
    if paint is None:
        return None
    if not isinstance(paint, str) or not paint.startswith(PNG):
        raise InputError("What was painted is no PNG.")
    try:
        return read_picture(io.BytesIO(base64.b64decode(paint[len(PNG) :], validate=True)))
    except binascii.Error as error:
        raise InputError(f"What was painted is damaged: {error}.") from error


def painted_mask(value: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Where there is paint, as a mask (H, W) of an image of (width, height) ``size``. Raises InputError where there is none."""
    paint = read_paint(value)
    alpha = None if paint is None or paint.alpha is None else Image.fromarray(paint.alpha)
    mask = np.zeros(size[::-1], dtype=bool) if alpha is None else np.asarray(alpha.resize(size)) > 127
    if not mask.any():
        raise InputError("Nothing is painted: paint the subject, or choose another way.")
    return mask
