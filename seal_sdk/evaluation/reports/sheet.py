"""Contact sheet of the exact benchmark: reference, structure image, ground truth, and the images of all methods."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from seal_sdk.evaluation.questions.triples import Triple
from seal_sdk.evaluation.reports.grid import Tile, grid
from seal_sdk.evaluation.score import Score


def contact_sheet(triples: Sequence[Triple], results: Sequence[Score]) -> Image.Image:
    """An RGB sheet with one row per triple. Notes show each image's subject error and structure IoU."""
    methods = list(dict.fromkeys(score.method for score in results))
    drawn = {(score.seed, score.kind, score.method): score for score in results}
    rows = []
    for triple in triples:
        given = (triple.reference.image, triple.structure.image, triple.truth.image)
        chosen = [drawn[triple.seed, triple.kind, method] for method in methods]
        rows.append(
            [*(Tile(Image.fromarray(each)) for each in given)]
            + [Tile(Image.fromarray(score.image), _note(score)) for score in chosen]
        )
    return grid(("reference", "structure", "truth", *methods), rows, triples[0].truth.image.shape[0])


def _note(score: Score) -> str:
    return f"{score.values['subject_error']:.0f}  {score.values['structure_iou']:.2f}"
