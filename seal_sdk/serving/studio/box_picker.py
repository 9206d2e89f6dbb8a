"""A picture on which boxes are dragged: around the subject of a reference, or where each of several subjects is to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from seal_sdk.errors import InputError
from seal_sdk.images.boxes import Box
from seal_sdk.serving.studio.pictures import data_url

SCRIPT = Path(__file__).with_name("box_picker.js")
TEMPLATE = '<div class="seal-chips" role="group"></div><div class="seal-stage"></div>'


def box_picker(**options: Any) -> gr.HTML:
    """A picture with named boxes. Its event ``input`` says that somebody has changed one.

    Its value is plain data from the browser, of which nothing is trusted: `read_boxes` checks it.
    """
    return gr.HTML(
        None,
        html_template=TEMPLATE,
        js_on_load=SCRIPT.read_text(),
        apply_default_css=False,
        picture=None,
        mask=None,
        **options,
    )


def boxes_on(size: tuple[int, int], boxes: Mapping[str, Box | None]) -> dict[str, Any]:
    """The value of a `box_picker`: named boxes in pixels of a picture of (width, height) ``size``."""
    placed = [{"name": name, "box": None if box is None else list(box)} for name, box in boxes.items()]
    return {"width": size[0], "height": size[1], "boxes": placed, "active": 0}


def picked(
    value: dict[str, Any] | None, picture: Image.Image | None = None, mask: Image.Image | None = None
) -> dict[str, Any]:
    """The update of a `box_picker` to a value, a picture below the boxes and a mask between them."""
    urls: dict[str, Any] = {"picture": picture and data_url(picture), "mask": mask and data_url(mask)}
    return dict(gr.update(value=value, **urls))


def read_boxes(value: Any) -> dict[str, Box]:
    """The boxes that are drawn, by name. Raises InputError for a value that is none of a `box_picker`."""
    try:
        return {
            str(each["name"]): _box(each["box"])
            for each in (value or {"boxes": ()})["boxes"]
            if each["box"] is not None
        }
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{value!r} holds no boxes of four numbers x0, y0, x1, y1.") from error


def side_by_side(size: tuple[int, int], names: Sequence[str]) -> dict[str, Box]:
    """Boxes for several subjects next to each other, from left to right, in a picture of (width, height) ``size``."""
    width, height = size[0] / len(names), size[1]
    return {name: (round(at * width), 0, round((at + 1) * width), height) for at, name in enumerate(names)}


def _box(numbers: Any) -> Box:
    x0, y0, x1, y1 = (float(number) for number in numbers)
    return x0, y0, x1, y1
