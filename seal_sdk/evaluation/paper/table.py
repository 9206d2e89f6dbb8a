"""The paper's table: means of the metrics for each dataset and method, with intervals over cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.paper.scoring import CaseScore
from seal_sdk.evaluation.reports.table import cell, heading
from seal_sdk.evaluation.statistics import Interval, Intervals, intervals, resampled

Line = tuple[str, ...]


class MetricFacts(TypedDict):
    """A `Metric` as plain JSON."""

    name: str
    title: str
    lower_is_better: bool


class SetupSummary(TypedDict):
    """Means of the metrics by method, over this number of cases."""

    cases: int
    methods: dict[str, Intervals]


class CasesSummary(TypedDict):
    """Plain JSON of `summarize_cases`. setups: by dataset. scores: setup, case, kind, method and values of each image."""

    metrics: list[MetricFacts]
    setups: dict[str, SetupSummary]
    scores: list[dict[str, str | float]]


def summarize_cases(scores: Sequence[CaseScore], metrics: Sequence[Metric]) -> CasesSummary:
    """The means of all metrics, with 95 % intervals: plain JSON.

    A dataset with several structure kinds gets another setup, "name, kind", for each of them. Intervals come from a
    seeded bootstrap over cases; cases that share a reference count as independent.
    """
    return {
        "metrics": [
            {"name": each.name, "title": each.title, "lower_is_better": each.lower_is_better} for each in metrics
        ],
        "setups": {setup: _setup(chosen, metrics) for setup, chosen in _setups(scores).items()},
        "scores": [
            {"setup": each.setup, "case": each.case, "kind": each.kind, "method": each.method, **each.values}
            for each in scores
        ],
    }


def table_lines(summary: CasesSummary) -> tuple[Line, list[Line]]:
    """The head of a summary's table, and its lines, one for each setup and method."""
    metrics = [Metric(**each) for each in summary["metrics"]]
    head = ("setup", "method", "cases", *(heading(metric) for metric in metrics))
    lines: list[Line] = [
        (name, method, str(setup["cases"]), *(_value(values[metric.name], setup["cases"]) for metric in metrics))
        for name, setup in summary["setups"].items()
        for method, values in setup["methods"].items()
    ]
    return head, lines


def _value(value: Interval, cases: int) -> str:
    """The mean with the paper's four decimals, and its interval if there are several cases."""
    return cell(value, digits=4) if cases > 1 else f"{value['mean']:.4f}"


def _setups(scores: Sequence[CaseScore]) -> dict[str, list[CaseScore]]:
    found: dict[str, list[CaseScore]] = {}
    for setup in dict.fromkeys(score.setup for score in scores):
        found[setup] = [score for score in scores if score.setup == setup]
        kinds = list(dict.fromkeys(score.kind for score in found[setup]))
        if len(kinds) > 1:
            found |= {f"{setup}, {kind}": [score for score in found[setup] if score.kind == kind] for kind in kinds}
    return found


def _setup(scores: Sequence[CaseScore], metrics: Sequence[Metric]) -> SetupSummary:
    methods: dict[str, Intervals] = {}
    for name in dict.fromkeys(score.method for score in scores):
        chosen = [score for score in scores if score.method == name]
        samples = np.array([[score.values[metric.name] for metric in metrics] for score in chosen])
        methods[name] = intervals(samples.mean(0), resampled(samples), metrics)
    return {"cases": len({score.case for score in scores}), "methods": methods}
