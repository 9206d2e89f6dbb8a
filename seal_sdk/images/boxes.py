"""How boxes follow when images are resized. A box is (x0, y0, x1, y1) in pixels, half open."""

from __future__ import annotations

Size = tuple[int, int]
Box = tuple[float, float, float, float]


def scale_box(box: Box, old: Size, new: Size) -> Box:
    """A box of an image of (width, height) ``old`` in the same image stretched to ``new``."""
    x, y = new[0] / old[0], new[1] / old[1]
    return box[0] * x, box[1] * y, box[2] * x, box[3] * y


def contain_box(box: Box, old: Size, canvas: Size) -> Box:
    """A box of an image of (width, height) ``old`` when that image is scaled, whole and centred, into a canvas."""
    scale = min(canvas[0] / old[0], canvas[1] / old[1])
    left, top = (canvas[0] - scale * old[0]) / 2, (canvas[1] - scale * old[1]) / 2
    return scale * box[0] + left, scale * box[1] + top, scale * box[2] + left, scale * box[3] + top
