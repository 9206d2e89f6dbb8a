"""A summary as a text table, and the cells that all tables share."""

from __future__ import annotations

from seal_sdk.evaluation.metrics.measures import MEASURES
from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.statistics import BASELINE, Interval, Intervals, Summary


def table(summary: Summary) -> str:
    """A summary as text: means with half the width of their intervals, ratios to the baseline, and the same per kind."""
    lines = _table(summary, f"{summary['seeds']} seeds")
    for kind, part in summary.get("kinds", {}).items():
        lines += ["", *_table(part, kind)]
    told = told_counts(summary)
    return "\n".join([*lines, *(["", f"pictures that needed to be told where the subject is: {told}"] if told else [])])


def rows(summary: Summary) -> list[tuple[str, Intervals]]:
    """The lines of a summary's table: (title, metrics) of each method, then of its relation to the baseline."""
    lines = list(summary["methods"].items())
    ratios, differences = summary.get("ratios", {}), summary.get("differences", {})
    for sign, related in (("/", ratios), ("-", differences)):
        lines += [(f"{name} {sign} {BASELINE}", values) for name, values in related.items() if values]
    return lines


def columns(lines: list[tuple[str, Intervals]]) -> list[Metric]:
    """The metrics of `rows`, in the order of `MEASURES`."""
    return [metric for metric in MEASURES if metric.name in lines[0][1]]


def told_counts(summary: Summary) -> str:
    """The methods with images for which the session had to be given a mask, with their counts; empty if none."""
    return ", ".join(f"{name}: {count}" for name, count in summary["told"].items() if count)


def heading(metric: Metric) -> str:
    """The metric's title, and an arrow towards better values."""
    return f"{metric.title} {'↓' if metric.lower_is_better else '↑'}"


def cell(value: Interval | None, digits: int | None = None) -> str:
    """A mean and half the width of its interval, such as "12.3 ±0.4"; empty for None.

    digits: Decimals; by default 1 from 10 on, else 3.
    """
    if value is None:
        return ""
    low, high = value["ci95"]
    if digits is None:
        digits = 1 if abs(value["mean"]) >= 10 else 3
    return f"{value['mean']:.{digits}f} ±{(high - low) / 2:.{digits}f}"


def _table(summary: Summary, title: str) -> list[str]:
    lines = rows(summary)
    metrics = columns(lines)
    width = max(len(title), *(len(name) for name, _ in lines), 16)
    head = title.ljust(width) + "".join(heading(metric).rjust(18) for metric in metrics)
    body = [
        name.ljust(width) + "".join(cell(values.get(metric.name)).rjust(18) for metric in metrics)
        for name, values in lines
    ]
    return [head, *body]
