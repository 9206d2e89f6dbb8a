"""The growth benchmark's table, and its HTML report with a plot of each cost."""

from __future__ import annotations

import numpy as np

from seal_sdk.evaluation.cost.growth import TOLERANCE, CurveSummary, GrowthSummary, Series
from seal_sdk.evaluation.reports import page
from seal_sdk.evaluation.reports.charts import Point, curve

HEAD = ("along", "cost", "seconds", "power", "at most", "")


def growth_table(summary: GrowthSummary) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The head and the lines of a table with a line for each cost along each curve."""
    return HEAD, [line for each in summary["curves"].values() for line in _lines(each)]


def _lines(found: CurveSummary) -> list[tuple[str, ...]]:
    return [
        (
            found["title"] if index == 0 else "",
            name,
            ", ".join(
                f"{value}: {seconds:.3g}" for value, seconds in zip(found["values"], series["seconds"], strict=True)
            ),
            _number(series["power"]),
            _number(series["limit"]),
            _verdict(series) + (" (computed)" if found["computed"] else ""),
        )
        for index, (name, series) in enumerate(found["series"].items())
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _verdict(series: Series) -> str:
    return {None: "", True: "holds", False: "steeper"}[series["holds"]]


def growth_report(summary: GrowthSummary) -> str:
    """A self-contained HTML page of what `measure_growth` returned."""
    parts = [page.facts(summary["setup"]), page.paragraph(_HOW)]
    parts.append(page.table(*growth_table(summary), names=3))
    for found in summary["curves"].values():
        parts.append(page.heading(found["title"]))
        if found["computed"]:
            parts.append(page.paragraph(_COMPUTED))
        parts += [_plot(name, found, series) for name, series in found["series"].items()]
    return page.page("SeAl: growth", parts)


def _plot(name: str, found: CurveSummary, series: Series) -> str:
    quartiles = [np.quantile(each, (0.25, 0.75)) for each in series["each"]]
    points = [
        Point(str(value), seconds, float(low), float(high))
        for value, seconds, (low, high) in zip(found["values"], series["seconds"], quartiles, strict=True)
    ]
    return curve(
        f"{name}, seconds" + (f" (power {series['power']:.2f})" if series["power"] is not None else ""), points
    )


_HOW = (
    "Points are measured in turn, again and again; seconds are medians, with quartiles in the plots. The power is the slope of a straight "
    "line through the logarithms: 1 is a cost in proportion, 0 one that does not grow. A cost holds where its power is at most the limit, "
    f"give or take {TOLERANCE:g}: 1, or 0 for each picture's cost, or plain SDXL's own power along the side."
)
_COMPUTED = "Points are computed from one measured registration, shared by so many pictures, and one measured picture."
