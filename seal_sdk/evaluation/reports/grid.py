"""Images in rows and columns, with a title above each column and a note on each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

from PIL import Image, ImageDraw, ImageFont, ImageOps

_GAP, _LINE = 4, 13


@dataclass(frozen=True, eq=False)
class Tile:
    """An RGB image and the note at its lower edge."""

    picture: Image.Image
    note: str = ""


def grid(titles: Sequence[str], rows: Sequence[Sequence[Tile]], side: int) -> Image.Image:
    """An RGB sheet with one column per title.

    Args:
        titles: Headings of the columns.
        rows: The tiles of each row, one per column.
        side: Pixels a side of a tile. Images of another size are fitted in, on white.
    """
    wrapped = [fill(title, side // 6) for title in titles]
    head = _LINE * max(title.count("\n") + 1 for title in wrapped) + _GAP
    pitch = side + _GAP
    sheet = Image.new("RGB", (len(titles) * pitch - _GAP, head + len(rows) * pitch), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for column, title in enumerate(wrapped):
        draw.text((column * pitch + 2, 1), title, "black", font, spacing=1)
    for row, tiles in enumerate(rows):
        top = head + row * pitch
        for column, tile in enumerate(tiles):
            left = column * pitch
            sheet.paste(ImageOps.pad(tile.picture, (side, side), color="white"), (left, top))
            draw.text((left + 2, top + side - 15), tile.note, "white", font, stroke_width=1, stroke_fill="black")
    return sheet
