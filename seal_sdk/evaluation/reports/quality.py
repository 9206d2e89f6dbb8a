"""HTML report of the exact benchmark: tables and bar plots with intervals, and contact sheets."""

from __future__ import annotations

from collections.abc import Mapping

from seal_sdk.evaluation.metrics.measures import FOLLOWED
from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.reports import page
from seal_sdk.evaluation.reports.charts import Point, bars
from seal_sdk.evaluation.reports.sheet import contact_sheet
from seal_sdk.evaluation.reports.successes import TITLES, successes
from seal_sdk.evaluation.reports.table import cell, columns, heading, rows, told_counts
from seal_sdk.evaluation.statistics import Summary
from seal_sdk.evaluation.tasks.quality import Results


def report(measured: Mapping[str, Results], settings: Mapping[str, object], *, sheet_rows: int = 12) -> str:
    """A self-contained HTML page: how often each wording succeeds, then everything of the first one.

    Args:
        measured: Wording -> its results, as `measure_wordings` returned them.
        settings: Names and values that reproduce the images.
        sheet_rows: Questions on each contact sheet.
    """
    return page.page("SeAl: exact benchmark", [page.facts(settings), *quality_parts(measured, sheet_rows)])


def quality_parts(measured: Mapping[str, Results], sheet_rows: int) -> list[str]:
    """The elements of `report` below its settings."""
    summaries = {wording: results.summary() for wording, results in measured.items()}
    first, summary = next(iter(measured.items()))[1], next(iter(summaries.values()))
    parts = [
        page.paragraph(_HOW),
        page.heading("How often each does what was asked, and nothing else"),
        page.paragraph(_SUCCESS),
    ]
    parts.append(page.table(*successes(summaries), names=2))
    if set(first.conflicts) & set(FOLLOWED):
        parts += [page.heading("How often each shows what the prompt says"), page.paragraph(_FOLLOWED)]
        parts.append(page.table(*successes(summaries, FOLLOWED), names=2))
    if len(summaries) > 1:
        parts.append(page.paragraph(f"What follows is of the first wording, {next(iter(summaries))}."))
    parts += _section(summary, f"All, {summary['seeds']} seeds")
    for kind, part in summary.get("kinds", {}).items():
        parts += _section(part, f"Structure: {kind}", plots=False)
    for kind, part in summary.get("conflict_kinds", {}).items():
        parts += _section(part, f"Prompts that ask for {TITLES[kind]} ({kind})")
    parts += [page.heading("Pictures"), page.paragraph(_SHEET)]
    for kind, each in first.kinds().items():
        sheet = contact_sheet(each.triples[:sheet_rows], each.scores)
        parts += [page.heading(f"Asked for: {TITLES[kind]}"), page.picture(sheet, f"contact sheet: {kind}")]
    return parts


def _section(summary: Summary, title: str, *, plots: bool = True) -> list[str]:
    lines = rows(summary)
    metrics = columns(lines)
    head = ("", *(heading(metric) for metric in metrics))
    body = [(name, *(cell(values.get(metric.name)) for metric in metrics)) for name, values in lines]
    told = told_counts(summary)
    parts = [page.heading(title), page.table(head, body, dense=True)]
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
_SUCCESS = "Shares of the pictures, with 95 % intervals. structure never sees the reference, so it can hardly keep what should stay."
_FOLLOWED = (
    "The same without what should stay: whether the colour is changed at least half-way, and the pattern is the one asked for. Here "
    "structure shows how well the model obeys the prompt by itself."
)
_SHEET = (
    "Above each row: the reference's prompt -> the prompt. On each picture: its subject error, its structure IoU, and whether it is a "
    "success."
)
