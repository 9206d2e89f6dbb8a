"""The whole benchmark on folders in one call: check, draw, score, and the table, the sheets and every score on the disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.grid import Tile, grid
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.paper.adapter import locate_adapter
from seal_sdk.evaluation.paper.dataset import Case, Dataset, read_dataset
from seal_sdk.evaluation.paper.drawing import Setup, draw_datasets
from seal_sdk.evaluation.paper.gallery import Gallery
from seal_sdk.evaluation.paper.scorer import Scorer
from seal_sdk.evaluation.paper.scoring import CaseScore, score_gallery
from seal_sdk.evaluation.paper.table import summarize_cases
from seal_sdk.images import read_image

SIDE, ROWS = 256, 24  # of the contact sheet: pixels of a picture, cases of a dataset


def measure_folders(
    folders: Sequence[Path],
    methods: Sequence[Method],
    scorers: Sequence[type[Scorer]],
    *,
    output: Path,
    setup: Setup = Setup(),
    weights: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Draw and score the datasets of the folders; returns `summarize_cases`.

    output: the folder of the pictures, ``results.json`` and a ``sheet.png`` per dataset; pictures that are there already
    are not drawn again. weights: name of a metric, or of `adapter.NAMES` -> path or hub id, in the place of its own.
    Datasets and weights are checked before anything is drawn: raises ConfigError and WeightsNotFound.
    """
    datasets = _read(folders)
    given = weights or {}
    adapter = locate_adapter(methods, given, setup.adapter_scale)
    located = {kind: kind.locate(given.get(kind.metric.name)) for kind in scorers}
    gallery = Gallery(output)
    draw_datasets(datasets, methods, gallery, setup, adapter)
    scores = score_gallery(datasets, methods, gallery, located)
    summary = summarize_cases(scores, [kind.metric for kind in scorers])
    (output / "results.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for dataset in datasets:
        sheet(dataset, methods, gallery, scores).save(output / dataset.name / "sheet.png")
    return summary


def sheet(
    dataset: Dataset, methods: Sequence[Method], gallery: Gallery, scores: Sequence[CaseScore], rows: int = ROWS
) -> Image.Image:
    """The first cases: reference | structure | each method, with its values in the table's order. RGB."""
    values = {(score.case, score.method): score.values for score in scores if score.setup == dataset.name}

    def drawn(case: Case, method: Method) -> Tile:
        note = "  ".join(f"{value:.2f}" for value in values[case.name, method.name].values())
        return Tile(Image.open(gallery.path(dataset, case, method)).convert("RGB"), note)

    lines = [
        [
            *(Tile(read_image(asked.image)) for asked in (case.reference, case.structure)),
            *(drawn(case, method) for method in methods),
        ]
        for case in dataset.cases[:rows]
    ]
    return grid(("reference", "structure", *(method.name for method in methods)), lines, SIDE)


def _read(folders: Sequence[Path]) -> list[Dataset]:
    datasets = [read_dataset(folder) for folder in folders]
    names = [dataset.name for dataset in datasets]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice or not names:
        raise ConfigError(f"Two folders hold a dataset {twice!r}: rename one." if twice else "No folder was given.")
    return datasets
