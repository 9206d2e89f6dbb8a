"""From scores to means with bootstrap intervals, ratios to a baseline, and a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seal_sdk.evaluation.measures import MEASURES
from seal_sdk.evaluation.metrics import Metric
from seal_sdk.evaluation.score import Score

RESAMPLES = 2000
BASELINE = "structure"


def summarize(results: Sequence[Score], *, resamples: int = RESAMPLES) -> dict[str, Any]:
    """What `run` returned, as means with 95 % intervals: plain JSON, documented below.

    ``{"methods": {name: {metric: {"mean": m, "ci95": [low, high]}}}, "ratios": {name: {metric: the same}},
    "differences": {name: {metric: the same}}, "seeds": count, "told": {name: count}, "kinds": {kind: the same}}``.
    told: how many pictures needed to be told where a subject is. ratios, differences: mean over, or minus, the mean of
    `BASELINE`, where that was run. Intervals are bootstrapped over seeds, as the kinds of a seed are not independent of
    each other, and pair the methods, as those share seeds. The bootstrap is seeded: the same scores, the same numbers.
    """
    kinds = list(dict.fromkeys(score.kind for score in results))
    summary = _summarize(results, resamples)
    if len(kinds) > 1:
        summary["kinds"] = {
            kind: _summarize([score for score in results if score.kind == kind], resamples) for kind in kinds
        }
    return summary


def measured(results: Sequence[Score]) -> list[Metric]:
    """The metrics that these scores have."""
    return [metric for metric in MEASURES if metric.name in results[0].values]


def per_seed(results: Sequence[Score], metrics: Sequence[Metric]) -> dict[str, np.ndarray]:
    """Method name -> (seeds, metrics): means over a seed's kinds."""
    grouped: dict[str, dict[int, list[list[float]]]] = {}
    for score in results:
        values = [score.values[metric.name] for metric in metrics]
        grouped.setdefault(score.method, {}).setdefault(score.seed, []).append(values)
    return {
        name: np.array([np.mean(rows, axis=0) for _, rows in sorted(seeds.items())]) for name, seeds in grouped.items()
    }


def resampled(samples: np.ndarray, resamples: int = RESAMPLES) -> np.ndarray:
    """(seeds, metrics) -> (resamples, metrics): bootstrapped means, drawn alike for every method of as many seeds."""
    count = len(samples)
    return samples[np.random.default_rng(0).integers(count, size=(resamples, count))].mean(1)


def _summarize(results: Sequence[Score], resamples: int) -> dict[str, Any]:
    metrics = measured(results)
    samples = per_seed(results, metrics)
    draws = {name: resampled(values, resamples) for name, values in samples.items()}
    means = {name: values.mean(0) for name, values in samples.items()}
    summary: dict[str, Any] = {"methods": {name: intervals(means[name], draws[name], metrics) for name in samples}}
    if BASELINE in samples:
        summary |= _related(means, draws, metrics)
    told = {name: sum(score.told for score in results if score.method == name) for name in samples}
    return summary | {"seeds": len(samples[results[0].method]), "told": told}


def _related(means: dict[str, np.ndarray], draws: dict[str, np.ndarray], metrics: Sequence[Metric]) -> dict[str, Any]:
    others = [name for name in means if name != BASELINE]
    base, base_draws = means[BASELINE], draws[BASELINE]

    def only(values: dict[str, Any], ratio: bool) -> dict[str, Any]:
        return {metric.name: values[metric.name] for metric in metrics if metric.ratio == ratio}

    ratios = {name: (means[name] / _positive(base), draws[name] / _positive(base_draws)) for name in others}
    differences = {name: (means[name] - base, draws[name] - base_draws) for name in others}
    return {
        "ratios": {name: only(intervals(*pair, metrics), True) for name, pair in ratios.items()},
        "differences": {name: only(intervals(*pair, metrics), False) for name, pair in differences.items()},
    }


def _positive(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 1e-12)


def interval(mean: float, draws: np.ndarray) -> dict[str, Any]:
    """A mean and the 95 % interval of its bootstrapped values."""
    low, high = np.quantile(draws, (0.025, 0.975))
    return {"mean": mean, "ci95": [float(low), float(high)]}


def intervals(means: np.ndarray, draws: np.ndarray, metrics: Sequence[Metric]) -> dict[str, Any]:
    """Metric name -> mean and 95 % interval, of means (metrics,) and bootstrapped ones (resamples, metrics)."""
    low, high = np.quantile(draws, (0.025, 0.975), axis=0)
    return {
        metric.name: {"mean": float(means[i]), "ci95": [float(low[i]), float(high[i])]}
        for i, metric in enumerate(metrics)
    }


def rows(summary: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """A summary's lines: (title, {metric: interval}) of each method, then of each one's relation to the baseline."""
    lines = list(summary["methods"].items())
    for sign, part in (("/", "ratios"), ("-", "differences")):
        lines += [(f"{name} {sign} {BASELINE}", values) for name, values in summary.get(part, {}).items() if values]
    return lines


def table(summary: dict[str, Any]) -> str:
    """A summary as text: means with their intervals' half width, ratios to the baseline, the same for each kind."""
    lines = _table(summary, f"{summary['seeds']} seeds")
    for kind, part in summary.get("kinds", {}).items():
        lines += ["", *_table(part, kind)]
    told = ", ".join(f"{name}: {count}" for name, count in summary["told"].items() if count)
    return "\n".join([*lines, *(["", f"pictures that needed to be told where the subject is: {told}"] if told else [])])


def _table(summary: dict[str, Any], title: str) -> list[str]:
    lines = rows(summary)
    metrics = [metric for metric in MEASURES if metric.name in lines[0][1]]
    wide = max(len(title), *(len(name) for name, _ in lines), 16)
    head = title.ljust(wide) + "".join(f"{metric.title} {arrow(metric)}".rjust(18) for metric in metrics)
    body = [
        name.ljust(wide) + "".join(cell(values.get(metric.name)).rjust(18) for metric in metrics)
        for name, values in lines
    ]
    return [head, *body]


def arrow(metric: Metric) -> str:
    """Which way is better."""
    return "↓" if metric.lower_is_better else "↑"


def cell(value: dict[str, Any] | None, digits: int | None = None) -> str:
    """A mean and half its interval's width, such as "12.3 ±0.4"; nothing for None. digits: None for as many as suit."""
    if value is None:
        return ""
    low, high = value["ci95"]
    if digits is None:
        digits = 1 if abs(value["mean"]) >= 10 else 3
    return f"{value['mean']:.{digits}f} ±{(high - low) / 2:.{digits}f}"
