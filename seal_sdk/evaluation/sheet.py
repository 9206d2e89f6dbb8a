"""A contact sheet: what was asked, the truth, and what each method drew."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

from PIL import Image, ImageDraw, ImageFont

from seal_sdk.evaluation.score import Score
from seal_sdk.evaluation.triples import Triple

_GAP, _LINE = 4, 13


def contact_sheet(triples: Sequence[Triple], results: Sequence[Score]) -> Image.Image:
    """A row per triple: reference | structure | truth | each method, with its subject error and structure IoU. RGB."""
    methods = list(dict.fromkeys(score.method for score in results))
    drawn = {(score.seed, score.kind, score.method): score for score in results}
    side = triples[0].truth.image.shape[0]
    titles = [fill(title, side // 6) for title in ("reference", "structure", "truth", *methods)]
    head = _LINE * max(title.count("\n") + 1 for title in titles) + _GAP
    sheet = Image.new("RGB", (len(titles) * (side + _GAP) - _GAP, head + len(triples) * (side + _GAP)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for column, title in enumerate(titles):
        draw.text((column * (side + _GAP) + 2, 1), title, "black", font, spacing=1)
    for row, triple in enumerate(triples):
        top = head + row * (side + _GAP)
        chosen = [drawn[triple.seed, triple.kind, method] for method in methods]
        pictures = (
            triple.reference.image,
            triple.structure.image,
            triple.truth.image,
            *(score.image for score in chosen),
        )
        for column, picture in enumerate(pictures):
            sheet.paste(Image.fromarray(picture), (column * (side + _GAP), top))
        for column, score in enumerate(chosen, 3):
            text = f"{score.values['subject_error']:.0f}  {score.values['structure_iou']:.2f}"
            draw.text(
                (column * (side + _GAP) + 2, top + side - 15), text, "white", font, stroke_width=1, stroke_fill="black"
            )
    return sheet
