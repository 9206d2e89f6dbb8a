"""Images in rows and columns, with a title above each column, a caption above each row and a note on each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from PIL import Image, ImageDraw, ImageFont, ImageOps

_GAP, _LINE, _LETTER = 4, 13, 6


@dataclass(frozen=True, eq=False)
class Tile:
    """An RGB image and the note at its lower edge."""

    picture: Image.Image
    note: str = ""


def grid(titles: Sequence[str], rows: Sequence[Sequence[Tile]], side: int, captions: Sequence[str] = ()) -> Image.Image:
    """An RGB sheet with one column per title.

    Args:
        titles: Headings of the columns.
        rows: The tiles of each row, one per column.
        side: Pixels a side of a tile. Images of another size are fitted in, on white.
        captions: A text above each row; none by default.
    """
    pitch = side + _GAP
    width = len(titles) * pitch - _GAP
    heads = [wrap(title, side // _LETTER) for title in titles]
    texts = [wrap(caption, width // _LETTER) for caption in captions or [""] * len(rows)]
    top = _LINE * max(map(len, heads)) + 2 * _GAP
    sheet = Image.new("RGB", (width, top + sum(len(lines) * _LINE + pitch for lines in texts)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for column, lines in enumerate(heads):
        draw.text((column * pitch + 2, 1), "\n".join(lines), "black", font, spacing=1)
    for tiles, lines in zip(rows, texts, strict=True):
        draw.text((2, top - 2), "\n".join(lines), "#444", font, spacing=1)
        top += len(lines) * _LINE
        for column, tile in enumerate(tiles):
            left = column * pitch
            sheet.paste(ImageOps.pad(tile.picture, (side, side), color="white"), (left, top))
            draw.text((left + 2, top + side - 15), tile.note, "white", font, stroke_width=1, stroke_fill="black")
        top += pitch
    return sheet
