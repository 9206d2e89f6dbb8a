"""Scores drawn pictures with one metric after the other, so that no two metrics' models are in memory at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from tqdm import tqdm

from seal_sdk.backbone.loading import choose_device
from seal_sdk.errors import NumericalError
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.paper.dataset import Case, Dataset
from seal_sdk.evaluation.paper.gallery import Gallery
from seal_sdk.evaluation.paper.scorer import Scorer
from seal_sdk.images import fit, read_image


@dataclass(frozen=True)
class CaseScore:
    """How one picture scored. setup: the dataset's name. kind: of the structure image. values: by metric name."""

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
    """A score for each case and method, in that order. scorers: the metrics, and where their weights were located.

    Raises ConfigError for weights of another model, NumericalError where a metric gives no number.
    """
    asked = [(dataset, case) for dataset in datasets for case in dataset.cases]
    with tqdm(total=len(asked) * len(methods) * len(scorers), unit="score", disable=None) as bar:
        columns = {
            kind.metric.name: _column(kind, weights, asked, methods, gallery, bar) for kind, weights in scorers.items()
        }
    return [
        CaseScore(
            dataset.name,
            case.name,
            case.structure.kind,
            method.name,
            {name: column[row * len(methods) + place] for name, column in columns.items()},
        )
        for row, (dataset, case) in enumerate(asked)
        for place, method in enumerate(methods)
    ]


def _column(
    kind: type[Scorer],
    weights: Path,
    asked: Sequence[tuple[Dataset, Case]],
    methods: Sequence[Method],
    gallery: Gallery,
    bar: tqdm,
) -> list[float]:
    """One metric's values; its model is let go with the frame."""
    bar.set_description(kind.metric.title)
    scorer = kind.load(weights, choose_device("auto"))
    values = []
    for dataset, case in asked:
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
