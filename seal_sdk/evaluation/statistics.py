"""Means of scores with bootstrap intervals, and how each method relates to the baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NotRequired, TypedDict

import numpy as np

from seal_sdk.evaluation.metrics.measures import MEASURES
from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.score import Score

RESAMPLES = 2000
BASELINE = "structure"  # the method that the others are related to


class Interval(TypedDict):
    """A mean and its 95 % interval, [low, high]."""

    mean: float
    ci95: list[float]


Intervals = dict[str, Interval]  # by metric name


class Summary(TypedDict):
    """What `summarize` returns: plain JSON.

    Attributes:
        methods: Method name -> mean of each metric.
        ratios: Method name -> mean divided by the mean of `BASELINE`, if that was run.
        differences: Method name -> mean minus the mean of `BASELINE`, likewise, for metrics without a ratio.
        seeds: Number of seeds.
        told: Method name -> number of images for which the session had to be given the subject's mask.
        kinds: The same for each structure kind, if there are several.
        conflict_kinds: The same for each kind of conflict (`tasks.quality.Results.summary`).
        conflicts: That of the first kind.
    """

    methods: dict[str, Intervals]
    ratios: NotRequired[dict[str, Intervals]]
    differences: NotRequired[dict[str, Intervals]]
    seeds: int
    told: dict[str, int]
    kinds: NotRequired[dict[str, Summary]]
    conflict_kinds: NotRequired[dict[str, Summary]]
    conflicts: NotRequired[Summary]


def summarize(results: Sequence[Score], *, resamples: int = RESAMPLES) -> Summary:
    """The means of what `tasks.scoring.run` returned, with 95 % intervals.

    The bootstrap resamples seeds, because the structure kinds of a seed are not independent. All methods share the
    seeds, so the resamples are paired. The bootstrap is seeded: the same scores give the same numbers.
    """
    kinds = list(dict.fromkeys(score.kind for score in results))
    summary = _summarize(results, resamples)
    if len(kinds) > 1:
        summary["kinds"] = {
            kind: _summarize([score for score in results if score.kind == kind], resamples) for kind in kinds
        }
    return summary


def measured(results: Sequence[Score]) -> list[Metric]:
    """The metrics that these scores have, in the order of `MEASURES`."""
    return [metric for metric in MEASURES if metric.name in results[0].values]


def per_seed(results: Sequence[Score], metrics: Sequence[Metric]) -> dict[str, np.ndarray]:
    """Method name -> (seeds, metrics): means over the kinds of each seed."""
    grouped: dict[str, list[tuple[int, list[float]]]] = {}
    for score in results:
        grouped.setdefault(score.method, []).append((score.seed, [score.values[metric.name] for metric in metrics]))
    return {name: seed_means(rows) for name, rows in grouped.items()}


def seed_means(rows: Iterable[tuple[int, Sequence[float]]]) -> np.ndarray:
    """(seeds, values): means over the rows of each seed, in the order of the seeds. rows: seed and values of each picture."""
    grouped: dict[int, list[Sequence[float]]] = {}
    for seed, values in rows:
        grouped.setdefault(seed, []).append(values)
    return np.array([np.mean(values, axis=0) for _, values in sorted(grouped.items())])


def resampled(samples: np.ndarray, resamples: int = RESAMPLES, stream: int = 0) -> np.ndarray:
    """(seeds, metrics) -> (resamples, metrics): bootstrapped means.

    The same seeds are drawn for every method with as many seeds. Samples of other seeds take another ``stream``.
    """
    count = len(samples)
    means: np.ndarray = samples[np.random.default_rng(stream).integers(count, size=(resamples, count))].mean(1)
    return means


def interval(mean: float, bootstrap: np.ndarray) -> Interval:
    """A mean and the 95 % interval of its bootstrapped values, of any shape."""
    low, high = np.quantile(bootstrap, (0.025, 0.975))
    return {"mean": mean, "ci95": [float(low), float(high)]}


def intervals(means: np.ndarray, bootstrap: np.ndarray, metrics: Sequence[Metric]) -> Intervals:
    """Metric name -> mean and 95 % interval, from means (metrics,) and bootstrapped means (resamples, metrics)."""
    low, high = np.quantile(bootstrap, (0.025, 0.975), axis=0)
    return {
        metric.name: {"mean": float(means[i]), "ci95": [float(low[i]), float(high[i])]}
        for i, metric in enumerate(metrics)
    }


def _summarize(results: Sequence[Score], resamples: int) -> Summary:
    metrics = measured(results)
    samples = per_seed(results, metrics)
    bootstrap = {name: resampled(values, resamples) for name, values in samples.items()}
    means: dict[str, np.ndarray] = {name: values.mean(0) for name, values in samples.items()}
    methods = {name: intervals(means[name], bootstrap[name], metrics) for name in samples}
    seeds = len(samples[results[0].method])
    told = {name: sum(score.told for score in results if score.method == name) for name in samples}
    if BASELINE not in samples:
        return {"methods": methods, "seeds": seeds, "told": told}
    return {
        "methods": methods,
        "ratios": _ratios(means, bootstrap, metrics),
        "differences": _differences(means, bootstrap, metrics),
        "seeds": seeds,
        "told": told,
    }


def _ratios(
    means: Mapping[str, np.ndarray], bootstrap: Mapping[str, np.ndarray], metrics: Sequence[Metric]
) -> dict[str, Intervals]:
    base, base_bootstrap = np.maximum(means[BASELINE], 1e-12), np.maximum(bootstrap[BASELINE], 1e-12)
    return {
        name: _only(intervals(means[name] / base, bootstrap[name] / base_bootstrap, metrics), metrics, ratio=True)
        for name in means
        if name != BASELINE
    }


def _differences(
    means: Mapping[str, np.ndarray], bootstrap: Mapping[str, np.ndarray], metrics: Sequence[Metric]
) -> dict[str, Intervals]:
    base, base_bootstrap = means[BASELINE], bootstrap[BASELINE]
    return {
        name: _only(intervals(means[name] - base, bootstrap[name] - base_bootstrap, metrics), metrics, ratio=False)
        for name in means
        if name != BASELINE
    }


def _only(values: Intervals, metrics: Sequence[Metric], *, ratio: bool) -> Intervals:
    return {metric.name: values[metric.name] for metric in metrics if metric.ratio == ratio}
