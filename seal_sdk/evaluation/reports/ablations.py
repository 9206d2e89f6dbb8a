"""HTML report of the ablations: the paper's claims with their verdicts, then a curve for each setting and metric."""

from __future__ import annotations

from collections.abc import Mapping

from seal_sdk.evaluation.metrics.measures import MEASURES
from seal_sdk.evaluation.reports import page
from seal_sdk.evaluation.reports.charts import Point, curve
from seal_sdk.evaluation.reports.table import cell, heading
from seal_sdk.evaluation.tasks.ablations import AblationSummary

_METRICS = {metric.name: metric for metric in MEASURES}


def ablation_report(summary: Mapping[str, AblationSummary], settings: Mapping[str, object]) -> str:
    """A self-contained HTML page of what `summarize_ablations` returned.

    settings: Names and values that reproduce the images.
    """
    parts = [
        page.facts(settings),
        page.heading("The paper's claims"),
        page.table(*claims(summary)),
        page.paragraph(_HOW),
    ]
    for ablation in summary.values():
        parts += [page.heading(ablation["title"]), _table(ablation)]
        parts += [_curve(ablation, name) for name in ablation["curves"]]
    return page.page("SeAl: ablations", parts)


def claims(summary: Mapping[str, AblationSummary]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The head and the lines of a table of all claims."""
    lines: list[tuple[str, ...]] = [
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


def _table(ablation: AblationSummary) -> str:
    metrics = [_METRICS[name] for name in ablation["curves"]]
    head = ("", "method", *(heading(metric) for metric in metrics))
    variants = ablation["variants"].items()
    return page.table(
        head, [(label, each["method"], *(cell(each[metric.name]) for metric in metrics)) for label, each in variants]
    )


def _curve(ablation: AblationSummary, name: str) -> str:
    points = [Point(label, each[name]["mean"], *each[name]["ci95"]) for label, each in ablation["variants"].items()]
    return curve(heading(_METRICS[name]), points)


_HOW = (
    "Changes are from the first variant to the last, with 95 % intervals of a bootstrap over seeds, which the variants share. A claim "
    "holds where the whole change lies on its side and no single step lies on the other; it is undecided where the interval holds zero. "
    "What is measured is the embedded model's world: the paper's own figures are of SDXL, with other metrics."
)
