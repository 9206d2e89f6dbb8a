"""The contact sheet of the demo and the examples."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

Row = tuple[str, Sequence[Image.Image]]  # caption, and one image per column

CELL, GAP, HEADER, CAPTION = 256, 10, 40, 28  # pixels
INK, PAPER = (40, 40, 40), (255, 255, 255)


def contact_sheet(columns: Sequence[str], rows: Sequence[Row]) -> Image.Image:
    """An RGB sheet with labelled columns and a caption below each row. Images are resized to 256x256."""
    pitch = CELL + CAPTION + GAP
    sheet = Image.new("RGB", (GAP + len(columns) * (CELL + GAP), HEADER + len(rows) * pitch), PAPER)
    draw = ImageDraw.Draw(sheet)
    heading, small = ImageFont.load_default(20), ImageFont.load_default(17)
    for column, label in enumerate(columns):
        draw.text((_left(column) + CELL / 2, HEADER / 2), label, INK, heading, anchor="mm")
    for number, (caption, pictures) in enumerate(rows):
        top = HEADER + number * pitch
        for column, picture in enumerate(pictures):
            enlarged = picture.convert("RGB").resize((CELL, CELL), Image.Resampling.LANCZOS)
            sheet.paste(enlarged, (_left(column), top))
        draw.text((GAP, top + CELL + 4), caption, INK, small)
    return sheet


def _left(column: int) -> int:
    return GAP + column * (CELL + GAP)
