"""Tables of how often each method does what was asked, by wording and kind of question."""

from __future__ import annotations

from collections.abc import Mapping

from seal_sdk.evaluation.metrics.measures import SUCCESS
from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.questions.conflicts import CONFLICTS
from seal_sdk.evaluation.questions.triples import PLAIN
from seal_sdk.evaluation.statistics import BASELINE, Interval, Summary

TITLES: Mapping[str, str] = {PLAIN: "another scene"} | {kind: each.title for kind, each in CONFLICTS.items()}
"""Kind of question -> what it asks for, as a heading."""


def successes(
    summaries: Mapping[str, Summary], metrics: Mapping[str, Metric] = SUCCESS
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The head and the lines of a table. The baseline, which never sees the reference, is the first of each wording.

    Args:
        summaries: Wording -> what `Results.summary` returned for it.
        metrics: Kind of question -> the metric that is shown, such as `SUCCESS` or `FOLLOWED`. Other kinds are left out.
    """
    kinds = [kind for kind in (PLAIN, *next(iter(summaries.values())).get("conflict_kinds", {})) if kind in metrics]
    lines: list[tuple[str, ...]] = []
    for wording, summary in summaries.items():
        asked = {PLAIN: summary, **summary.get("conflict_kinds", {})}
        methods = sorted({name: None for each in asked.values() for name in each["methods"]}, key=BASELINE.__ne__)
        lines += [
            (wording if index == 0 else "", method, *(_cell(asked[kind], metrics[kind], method) for kind in kinds))
            for index, method in enumerate(methods)
        ]
    return ("wording", "method", *(TITLES[kind] for kind in kinds)), lines


def _cell(summary: Summary, metric: Metric, method: str) -> str:
    """The share of a method, empty if it did not answer these questions."""
    values = summary["methods"].get(method)
    return percent(values[metric.name]) if values else ""


def percent(value: Interval) -> str:
    """A share and its interval, such as "75 % (50 to 100)"."""
    low, high = value["ci95"]
    return f"{value['mean']:.0%} ({100 * low:.0f} to {100 * high:.0f})".replace("%", " %")
