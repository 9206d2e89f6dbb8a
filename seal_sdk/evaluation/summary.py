"""From scores to means with bootstrap intervals, ratios to a baseline, and a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seal_sdk.evaluation.bench import Score
from seal_sdk.evaluation.metrics import METRICS

RESAMPLES = 2000
BASELINE = "structure"


def summarize(results: Sequence[Score], *, resamples: int = RESAMPLES) -> dict[str, Any]:
    """What `run` returned, as means with 95 % intervals: plain JSON, documented below.

    ``{"methods": {name: {metric: {"mean": m, "ci95": [low, high]}}}, "ratios": {name: {metric: the same}}, "seeds":
    count, "told": {name: count}, "kinds": {kind: the same}}``. told: how many pictures needed to be told where a
    subject is. ratios: mean over the mean of `BASELINE`, where that was run. Intervals are bootstrapped over seeds, as
    the kinds of a seed are not independent of each other, and pair the methods, as those share seeds. The bootstrap is
    seeded: the same scores, the same numbers.
    """
    kinds = list(dict.fromkeys(score.kind for score in results))
    summary = _summarize(results, resamples)
    if len(kinds) > 1:
        summary["kinds"] = {
            kind: _summarize([score for score in results if score.kind == kind], resamples) for kind in kinds
        }
    return summary


def _summarize(results: Sequence[Score], resamples: int) -> dict[str, Any]:
    names = list(dict.fromkeys(score.method for score in results))
    seeds = sorted({score.seed for score in results})
    chosen = np.random.default_rng(0).integers(len(seeds), size=(resamples, len(seeds)))
    samples = {
        name: _per_seed([score for score in results if score.method == name], seeds) for name in names
    }  # (seeds, metrics)
    resampled = {name: values[chosen].mean(1) for name, values in samples.items()}  # (resamples, metrics)
    means = {name: values.mean(0) for name, values in samples.items()}
    summary: dict[str, Any] = {"methods": {name: _intervals(means[name], resampled[name]) for name in names}}
    if BASELINE in names:
        summary["ratios"] = {
            name: _intervals(means[name] / _positive(means[BASELINE]), resampled[name] / _positive(resampled[BASELINE]))
            for name in names
            if name != BASELINE
        }
    told = {name: sum(score.told for score in results if score.method == name) for name in names}
    return summary | {"seeds": len(seeds), "told": told}


def _per_seed(results: Sequence[Score], seeds: Sequence[int]) -> np.ndarray:
    return np.array(
        [
            np.mean(
                [[score.values[metric.name] for metric in METRICS] for score in results if score.seed == seed], axis=0
            )
            for seed in seeds
        ]
    )


def _positive(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 1e-12)


def _intervals(means: np.ndarray, resampled: np.ndarray) -> dict[str, Any]:
    low, high = np.quantile(resampled, (0.025, 0.975), axis=0)
    return {
        metric.name: {"mean": float(means[i]), "ci95": [float(low[i]), float(high[i])]}
        for i, metric in enumerate(METRICS)
    }


def table(summary: dict[str, Any]) -> str:
    """A summary as text: means with their intervals' half width, ratios to the baseline, the same for each kind."""
    lines = _table(summary, f"{summary['seeds']} seeds")
    for kind, part in summary.get("kinds", {}).items():
        lines += ["", *_table(part, kind)]
    told = ", ".join(f"{name}: {count}" for name, count in summary["told"].items() if count)
    return "\n".join([*lines, *(["", f"pictures that needed to be told where the subject is: {told}"] if told else [])])


def _table(summary: dict[str, Any], title: str) -> list[str]:
    wide = max(len(title), *map(len, summary["methods"]), 16)
    lines = [
        title.ljust(wide)
        + "".join((metric.title + " " + "↓↑"[not metric.lower_is_better]).rjust(18) for metric in METRICS)
    ]
    lines += [
        name.ljust(wide) + "".join(_cell(values[metric.name]) for metric in METRICS)
        for name, values in summary["methods"].items()
    ]
    for name, values in summary.get("ratios", {}).items():
        lines.append(f"{name} / {BASELINE}".ljust(wide) + "".join(_cell(values[metric.name]) for metric in METRICS))
    return lines


def _cell(value: dict[str, Any]) -> str:
    low, high = value["ci95"]
    digits = 1 if abs(value["mean"]) >= 10 else 3
    return f"{value['mean']:.{digits}f} ±{(high - low) / 2:.{digits}f}".rjust(18)
