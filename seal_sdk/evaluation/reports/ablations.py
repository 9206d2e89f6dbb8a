"""HTML report of the ablations: the paper's claims with their verdicts, then a plot for each setting and metric."""

from __future__ import annotations

from collections.abc import Mapping

from seal_sdk.evaluation.claims.ablation import AblationSummary
from seal_sdk.evaluation.claims.claim import ClaimSummary
from seal_sdk.evaluation.claims.cost import METRICS as COSTS
from seal_sdk.evaluation.metrics.measures import MEASURES
from seal_sdk.evaluation.reports import page
from seal_sdk.evaluation.reports.charts import Point, bars, curve
from seal_sdk.evaluation.reports.table import cell, heading

_METRICS = {metric.name: metric for metric in (*MEASURES, *COSTS)}


def ablation_report(summary: Mapping[str, AblationSummary], settings: Mapping[str, object]) -> str:
    """A self-contained HTML page of what `summarize_ablations` returned.

    settings: Names and values that reproduce the images.
    """
    parts = [
        page.facts(settings),
        page.heading("The paper's claims"),
        page.table(*claims(summary)),
        page.paragraph(HOW),
    ]
    for ablation in summary.values():
        parts += [page.heading(ablation["title"]), *figures(ablation)]
    return page.page("SeAl: ablations", parts)


def claims(summary: Mapping[str, AblationSummary]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The head and the lines of a table of all claims."""
    lines: list[tuple[str, ...]] = [
        (claim["claim"], measured_by(claim), " → ".join(claim["along"]), change(claim), claim["verdict"])
        for ablation in summary.values()
        for claim in ablation["claims"]
    ]
    return ("claim of the paper", "measured by", "along", "change", "here"), lines


def measured_by(claim: ClaimSummary) -> str:
    """What has to happen for a claim to hold, such as "structure IoU falls"."""
    goes, other = ("rises", "falls") if claim["rises"] else ("falls", "rises")
    less = " against structure alone" if claim["less"] else ""
    margin = f", or {other} by at most {claim['margin']:g}" if claim["margin"] else ""
    more = " by more where misaligned" if "thirds" in claim else ""
    return f"{_METRICS[claim['metric']].title}{less} {goes}{more}{margin}"


def change(claim: ClaimSummary) -> str:
    """A claim's change with half the width of its interval, and that of the two thirds of a claim about misalignment."""
    thirds = claim.get("thirds")
    beside = f" ({', '.join(f'{name} {cell(each)}' for name, each in thirds.items())})" if thirds else ""
    return cell(claim["change"]) + beside


def figures(ablation: AblationSummary) -> list[str]:
    """The HTML elements that show an ablation's variants: a table, then a plot of each metric."""
    metrics = [_METRICS[name] for name in ablation["curves"]]
    variants = ablation["variants"]
    lines = [
        (label, each["method"], *(cell(each.get(metric.name)) for metric in metrics))
        for label, each in variants.items()
    ]
    legend = [] if ablation["ordered"] else [page.legend(list(variants))]
    plots = [_plot(ablation, metric.name) for metric in metrics]
    return [page.table(("", "method", *map(heading, metrics)), lines), *legend, *plots]


def _plot(ablation: AblationSummary, name: str) -> str:
    known = {label: each[name] for label, each in ablation["variants"].items() if name in each}
    points = [Point(label, each["mean"], *each["ci95"]) for label, each in known.items()]
    return (curve if ablation["ordered"] else bars)(heading(_METRICS[name]), points)


HOW = (
    "Changes are from the first variant to the last, with 95 % intervals of a bootstrap over seeds, which the variants share. A claim "
    "holds where the whole change lies on its side and no single step lies on the other; it is undecided where the interval holds zero. "
    "What is measured is the embedded model's world: the paper's own figures are of SDXL, with other metrics."
)
