"""The benchmark's report: tables and bar plots with intervals, and a contact sheet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seal_sdk.evaluation import page
from seal_sdk.evaluation.charts import Point, bars
from seal_sdk.evaluation.measures import MEASURES
from seal_sdk.evaluation.metrics import Metric
from seal_sdk.evaluation.quality import Results
from seal_sdk.evaluation.sheet import contact_sheet
from seal_sdk.evaluation.summary import arrow, cell, rows


def report(results: Results, asked: Mapping[str, object], *, sheet_rows: int = 12) -> str:
    """One self-contained HTML page. asked: names and values that say how to draw these pictures again."""
    summary = results.summary()
    parts = [page.facts(asked), page.paragraph(_HOW), *_section(summary, f"All, {summary['seeds']} seeds")]
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


def _section(summary: Mapping[str, Any], title: str, *, plots: bool = True) -> list[str]:
    lines = rows(dict(summary))
    metrics = [metric for metric in MEASURES if metric.name in lines[0][1]]
    head = ("", *(f"{metric.title} {arrow(metric)}" for metric in metrics))
    body = [(name, *(cell(values.get(metric.name)) for metric in metrics)) for name, values in lines]
    told = ", ".join(f"{name}: {count}" for name, count in summary["told"].items() if count)
    parts = [page.heading(title), page.table(head, body)]
    if told:
        parts.append(page.paragraph(f"Pictures that needed to be told where the subject is: {told}."))
    if plots:
        parts += [page.legend(list(summary["methods"])), *(_bars(summary, metric) for metric in metrics)]
    return parts


def _bars(summary: Mapping[str, Any], metric: Metric) -> str:
    points = [
        Point(name, values[metric.name]["mean"], *values[metric.name]["ci95"])
        for name, values in summary["methods"].items()
    ]
    return bars(f"{metric.title} {arrow(metric)}", points)


_HOW = (
    "Every picture is scored against the true one, which the embedded model's world renders. Errors are in RGB levels from 0 (best) to "
    "255, distances of joints in pixels of a picture of 128 a side. Intervals hold 95 % of a bootstrap over seeds; methods share seeds, "
    "noise, steps, guidance and the aligned structure image."
)
_SHEET = "Below each picture: its subject error and its structure IoU."
