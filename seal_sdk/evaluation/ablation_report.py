"""The ablations' report: what the paper claims and whether it holds here, then a curve for each setting and metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seal_sdk.evaluation import page
from seal_sdk.evaluation.charts import Point, curve
from seal_sdk.evaluation.measures import MEASURES
from seal_sdk.evaluation.summary import arrow, cell

_METRICS = {metric.name: metric for metric in MEASURES}


def ablation_report(summary: Mapping[str, Any], asked: Mapping[str, object]) -> str:
    """One self-contained HTML page of what `summarize_ablations` returned. asked: how to draw these pictures again."""
    parts = [page.facts(asked), page.heading("The paper's claims"), page.table(*claims(summary)), page.paragraph(_HOW)]
    for ablation in summary.values():
        parts += [page.heading(ablation["title"]), _table(ablation)]
        parts += [_curve(ablation, name) for name in ablation["curves"]]
    return page.page("SeAl: ablations", parts)


def claims(summary: Mapping[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The head and the lines of a table of all claims."""
    lines = [
        (
            claim["claim"],
            f"{_METRICS[claim['metric']].title} {'rises' if claim['rises'] else 'falls'}",
            " → ".join(claim["along"]),
            cell(claim["change"]),
            claim["verdict"],
        )
        for ablation in summary.values()
        for claim in ablation["claims"]
    ]
    return ("claim of the paper", "measured by", "along", "change", "here"), lines


def _table(ablation: Mapping[str, Any]) -> str:
    metrics = [_METRICS[name] for name in ablation["curves"]]
    head = ("", "method", *(f"{metric.title} {arrow(metric)}" for metric in metrics))
    variants = ablation["variants"].items()
    return page.table(
        head, [(label, each["method"], *(cell(each[metric.name]) for metric in metrics)) for label, each in variants]
    )


def _curve(ablation: Mapping[str, Any], name: str) -> str:
    points = [Point(label, each[name]["mean"], *each[name]["ci95"]) for label, each in ablation["variants"].items()]
    return curve(f"{_METRICS[name].title} {arrow(_METRICS[name])}", points)


_HOW = (
    "Changes are from the first variant to the last, with 95 % intervals of a bootstrap over seeds, which the variants share. A claim "
    "holds where the whole change lies on its side and no single step lies on the other; it is undecided where the interval holds zero. "
    "What is measured is the embedded model's world: the paper's own figures are of SDXL, with other metrics."
)
