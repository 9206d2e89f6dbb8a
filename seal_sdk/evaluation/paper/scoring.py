"""Scores images with one metric after the other, so that only one metric's model is in memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import torch
from PIL import Image
from tqdm import tqdm

from seal_sdk.backbone.loading import choose_device
from seal_sdk.errors import NumericalError
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.paper.dataset import Case, Dataset
from seal_sdk.evaluation.paper.gallery import Gallery
from seal_sdk.evaluation.paper.scorers.scorer import Scorer
from seal_sdk.images import fit, read_image


@dataclass(frozen=True)
class CaseScore:
    """The score of one image. setup: name of the dataset. kind: of the structure image. values: by metric name."""

    setup: str
    case: str
    kind: str
    method: str
    values: Mapping[str, float]


def score_gallery(
    datasets: Sequence[Dataset],
    methods: Sequence[Method],
    gallery: Gallery,
    scorers: Mapping[type[Scorer], Path],
) -> list[CaseScore]:
    """The score of each case and method, in this order.

    Args:
        datasets: The datasets that were generated.
        methods: The methods that were compared.
        gallery: Where the images are.
        scorers: Metric -> location of its weights.

    Raises:
        ConfigError: If weights belong to another model.
        NumericalError: If a metric returns no finite number.
    """
    cases = [(dataset, case) for dataset in datasets for case in dataset.cases]
    with tqdm(total=len(cases) * len(methods) * len(scorers), unit="score", disable=None) as bar:
        columns = {
            kind.metric.name: _column(kind, weights, cases, methods, gallery, bar) for kind, weights in scorers.items()
        }
    return [
        CaseScore(
            dataset.name,
            case.name,
            case.structure.kind,
            method.name,
            {name: column[row * len(methods) + place] for name, column in columns.items()},
        )
        for row, (dataset, case) in enumerate(cases)
        for place, method in enumerate(methods)
    ]


def _column(
    kind: type[Scorer],
    weights: Path,
    cases: Sequence[tuple[Dataset, Case]],
    methods: Sequence[Method],
    gallery: Gallery,
    bar: tqdm[NoReturn],
) -> list[float]:
    """The values of one metric. Its model is freed on return."""
    bar.set_description(kind.metric.title)
    scorer = kind.load(weights, choose_device("auto"))
    values = []
    for dataset, case in cases:
        reference, structure = read_image(case.reference.image), read_image(case.structure.image)
        for method in methods:
            path = gallery.path(dataset, case, method)
            image = Image.open(path).convert("RGB")
            with torch.inference_mode():
                value = scorer.score(image, reference, fit(structure, image.size), case.prompt)
            if not math.isfinite(value):
                raise NumericalError(f"{kind.metric.name} gives {value} for {path}.")
            values.append(value)
            bar.update()
    return values
