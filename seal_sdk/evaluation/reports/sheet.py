"""Contact sheet of the exact benchmark: reference, structure image, ground truth, and the images of all methods."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from seal_sdk.evaluation.metrics.measures import SUCCESS
from seal_sdk.evaluation.questions.triples import Triple
from seal_sdk.evaluation.reports.grid import Tile, grid
from seal_sdk.evaluation.score import Score


def contact_sheet(triples: Sequence[Triple], results: Sequence[Score]) -> Image.Image:
    """An RGB sheet with one row per triple, under its prompts.

    Notes show each image's subject error, its structure IoU, and "yes" if it is a success.
    """
    methods = list(dict.fromkeys(score.method for score in results))
    drawn = {(score.seed, score.kind, score.method): score for score in results}
    rows = []
    for triple in triples:
        given = (triple.reference.image, triple.structure.image, triple.truth.image)
        chosen = [drawn[triple.seed, triple.kind, method] for method in methods]
        rows.append(
            [*(Tile(Image.fromarray(each)) for each in given)]
            + [Tile(Image.fromarray(score.image), _note(score, triple.question)) for score in chosen]
        )
    titles, side = ("reference", "structure", "truth", *methods), triples[0].truth.image.shape[0]
    return grid(titles, rows, side, [_caption(triple) for triple in triples])


def _note(score: Score, question: str) -> str:
    success = "yes" if score.values[SUCCESS[question].name] == 1 else "no"
    return f"{score.values['subject_error']:.0f}  {score.values['structure_iou']:.2f}  {success}"


def _caption(triple: Triple) -> str:
    unwanted = f" (not: {triple.negative_prompt})" if triple.negative_prompt else ""
    return f"{triple.reference_prompt}  ->  {triple.prompt}{unwanted}"  # the sheet's font has no arrows
