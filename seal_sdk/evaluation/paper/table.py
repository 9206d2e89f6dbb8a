"""The paper's table: for each setup (dataset) and method the metrics' means, with intervals over cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seal_sdk.evaluation.metrics import Metric
from seal_sdk.evaluation.paper.scoring import CaseScore
from seal_sdk.evaluation.summary import arrow, cell, intervals, resampled

Line = tuple[str, ...]


def summarize_cases(scores: Sequence[CaseScore], metrics: Sequence[Metric]) -> dict[str, Any]:
    """Plain JSON: ``{"metrics": [{"name", "title", "lower_is_better"}], "setups": {setup: {"cases": n, "methods": {method:
    {metric: {"mean", "ci95": [low, high]}}}}}, "scores": [{"setup", "case", "kind", "method", metric: value, ...}]}``.

    A dataset with structures of several kinds has a setup "name, kind" for each besides. Intervals hold 95 % of a seeded
    bootstrap over cases; cases that share a reference are taken as independent.
    """
    return {
        "metrics": [{key: getattr(each, key) for key in ("name", "title", "lower_is_better")} for each in metrics],
        "setups": {setup: _setup(chosen, metrics) for setup, chosen in _setups(scores).items()},
        "scores": [
            {"setup": each.setup, "case": each.case, "kind": each.kind, "method": each.method, **each.values}
            for each in scores
        ],
    }


def table_lines(summary: dict[str, Any]) -> tuple[Line, list[Line]]:
    """A summary's table: its head, and a line for each setup and method."""
    metrics = [Metric(**each) for each in summary["metrics"]]
    head = ("setup", "method", "cases", *(f"{metric.title} {arrow(metric)}" for metric in metrics))
    lines = [
        (name, method, str(setup["cases"]), *(_value(values[metric.name], setup["cases"]) for metric in metrics))
        for name, setup in summary["setups"].items()
        for method, values in setup["methods"].items()
    ]
    return head, lines


def _value(value: dict[str, Any], cases: int) -> str:
    """As the paper prints it, with its interval; one case has none."""
    return cell(value, digits=4) if cases > 1 else f"{value['mean']:.4f}"


def _setups(scores: Sequence[CaseScore]) -> dict[str, list[CaseScore]]:
    found: dict[str, list[CaseScore]] = {}
    for setup in dict.fromkeys(score.setup for score in scores):
        found[setup] = [score for score in scores if score.setup == setup]
        kinds = list(dict.fromkeys(score.kind for score in found[setup]))
        if len(kinds) > 1:
            found |= {f"{setup}, {kind}": [score for score in found[setup] if score.kind == kind] for kind in kinds}
    return found


def _setup(scores: Sequence[CaseScore], metrics: Sequence[Metric]) -> dict[str, Any]:
    methods: dict[str, Any] = {}
    for name in dict.fromkeys(score.method for score in scores):
        chosen = [score for score in scores if score.method == name]
        samples = np.array([[score.values[metric.name] for metric in metrics] for score in chosen])
        methods[name] = intervals(samples.mean(0), resampled(samples), metrics)
    return {"cases": len({score.case for score in scores}), "methods": methods}
