"""The benchmark on folders in one call: check, generate, score, and write the results and contact sheets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.paper.adapter import locate_adapter
from seal_sdk.evaluation.paper.dataset import Case, Dataset, read_dataset
from seal_sdk.evaluation.paper.drawing import DEFAULTS, Setup, draw_datasets
from seal_sdk.evaluation.paper.gallery import Gallery
from seal_sdk.evaluation.paper.scorers.scorer import Scorer
from seal_sdk.evaluation.paper.scoring import CaseScore, score_gallery
from seal_sdk.evaluation.paper.table import CasesSummary, summarize_cases
from seal_sdk.evaluation.reports.grid import Tile, grid
from seal_sdk.images import read_image

SIDE, ROWS = 256, 24  # of a contact sheet: side of an image in pixels, number of cases


def measure_folders(
    folders: Sequence[Path],
    methods: Sequence[Method],
    scorers: Sequence[type[Scorer]],
    *,
    output: Path,
    setup: Setup = DEFAULTS,
    weights: Mapping[str, str] | None = None,
) -> CasesSummary:
    """Generate and score the datasets of some folders.

    Datasets and weights are checked before anything is generated.

    Args:
        folders: Folders with a ``dataset.yaml`` each.
        methods: What is compared.
        scorers: The metrics.
        output: Folder for the images, ``results.json`` and a ``sheet.png`` per dataset. Images that it already holds
            are not generated again.
        setup: Settings that all methods share.
        weights: Name of a metric or of `adapter.NAMES` -> path or hub id that replaces the default.

    Returns:
        What `summarize_cases` returns.

    Raises:
        ConfigError: If a dataset or an argument is wrong.
        WeightsNotFound: If weights are missing.
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
    """An RGB sheet of the first cases. Notes show each image's values, in the order of the table."""
    values = {(score.case, score.method): score.values for score in scores if score.setup == dataset.name}

    def tile(case: Case, method: Method) -> Tile:
        note = "  ".join(f"{value:.2f}" for value in values[case.name, method.name].values())
        return Tile(Image.open(gallery.path(dataset, case, method)).convert("RGB"), note)

    lines = [
        [
            *(Tile(read_image(given.image)) for given in (case.reference, case.structure)),
            *(tile(case, method) for method in methods),
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
