"""HTML report of the exact benchmark: tables and bar plots with intervals, and contact sheets."""

from __future__ import annotations

from collections.abc import Mapping

from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.reports import page
from seal_sdk.evaluation.reports.charts import Point, bars
from seal_sdk.evaluation.reports.sheet import contact_sheet
from seal_sdk.evaluation.reports.table import cell, columns, heading, rows, told_counts
from seal_sdk.evaluation.statistics import Summary
from seal_sdk.evaluation.tasks.quality import Results


def report(results: Results, settings: Mapping[str, object], *, sheet_rows: int = 12) -> str:
    """A self-contained HTML page.

    Args:
        results: What `measure_quality` returned.
        settings: Names and values that reproduce the images.
        sheet_rows: Questions on each contact sheet.
    """
    summary = results.summary()
    parts = [page.facts(settings), page.paragraph(_HOW), *_section(summary, f"All, {summary['seeds']} seeds")]
    for kind, part in summary.get("kinds", {}).items():
        parts += _section(part, f"Structure: {kind}", plots=False)
    if "conflicts" in summary:
        parts += _section(summary["conflicts"], "Prompts that name another colour than the reference's")
    parts += [page.heading("Pictures"), page.paragraph(_SHEET)]
    parts.append(page.picture(contact_sheet(results.triples[:sheet_rows], results.scores), "contact sheet"))
    if results.conflicts:
        sheet = contact_sheet(results.conflicts[:sheet_rows], results.conflict_scores)
        parts += [page.heading("Pictures: another colour asked for"), page.picture(sheet, "contact sheet of conflicts")]
    return page.page("SeAl: exact benchmark", parts)


def _section(summary: Summary, title: str, *, plots: bool = True) -> list[str]:
    lines = rows(summary)
    metrics = columns(lines)
    head = ("", *(heading(metric) for metric in metrics))
    body = [(name, *(cell(values.get(metric.name)) for metric in metrics)) for name, values in lines]
    told = told_counts(summary)
    parts = [page.heading(title), page.table(head, body)]
    if told:
        parts.append(page.paragraph(f"Pictures that needed to be told where the subject is: {told}."))
    if plots:
        parts += [page.legend(list(summary["methods"])), *(_bars(summary, metric) for metric in metrics)]
    return parts


def _bars(summary: Summary, metric: Metric) -> str:
    points = [
        Point(name, values[metric.name]["mean"], *values[metric.name]["ci95"])
        for name, values in summary["methods"].items()
    ]
    return bars(heading(metric), points)


_HOW = (
    "Every picture is scored against the true one, which the embedded model's world renders. Errors are in RGB levels from 0 (best) to "
    "255, distances of joints in pixels of a picture of 128 a side. Intervals hold 95 % of a bootstrap over seeds; methods share seeds, "
    "noise, steps, guidance and the aligned structure image."
)
_SHEET = "Below each picture: its subject error and its structure IoU."
