"""The demo's contact sheet."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

CELL, GAP, HEADER, CAPTION = 192, 8, 30, 22
INK, PAPER = (40, 40, 40), (255, 255, 255)


def contact_sheet(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Image.Image]]]) -> Image.Image:
    """Labelled columns of pictures; each row is (caption, one picture per column)."""
    width = GAP + len(columns) * (CELL + GAP)
    sheet = Image.new("RGB", (width, HEADER + len(rows) * (CELL + CAPTION + GAP)), PAPER)
    draw = ImageDraw.Draw(sheet)
    heading, small = ImageFont.load_default(16), ImageFont.load_default(13)
    for column, label in enumerate(columns):
        draw.text((GAP + column * (CELL + GAP) + CELL / 2, HEADER / 2), label, INK, heading, anchor="mm")
    for number, (caption, pictures) in enumerate(rows):
        top = HEADER + number * (CELL + CAPTION + GAP)
        for column, picture in enumerate(pictures):
            enlarged = picture.convert("RGB").resize((CELL, CELL), Image.Resampling.BICUBIC)
            sheet.paste(enlarged, (GAP + column * (CELL + GAP), top))
        draw.text((GAP, top + CELL + 3), caption, INK, small)
    return sheet
