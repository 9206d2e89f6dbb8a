"""A contact sheet: what was asked, the truth, and what each method drew."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from seal_sdk.evaluation.grid import Tile, grid
from seal_sdk.evaluation.score import Score
from seal_sdk.evaluation.triples import Triple


def contact_sheet(triples: Sequence[Triple], results: Sequence[Score]) -> Image.Image:
    """A row per triple: reference | structure | truth | each method, with its subject error and structure IoU. RGB."""
    methods = list(dict.fromkeys(score.method for score in results))
    drawn = {(score.seed, score.kind, score.method): score for score in results}
    rows = []
    for triple in triples:
        asked = (triple.reference.image, triple.structure.image, triple.truth.image)
        chosen = [drawn[triple.seed, triple.kind, method] for method in methods]
        rows.append(
            [*(Tile(Image.fromarray(each)) for each in asked)]
            + [Tile(Image.fromarray(score.image), _note(score)) for score in chosen]
        )
    return grid(("reference", "structure", "truth", *methods), rows, triples[0].truth.image.shape[0])


def _note(score: Score) -> str:
    return f"{score.values['subject_error']:.0f}  {score.values['structure_iou']:.2f}"
