"""``seal bench growth``: how costs grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seal_sdk.cli.commands.bench.options import IntegerList, cost_options, cost_setup, report_option
from seal_sdk.cli.options import json_option
from seal_sdk.cli.output import print_json, print_table

CURVES = ("side", "steps", "pictures", "batch", "identities", "references", "timesteps")
"""`seal_sdk.evaluation.cost.curves.CURVES`; named here so that the help loads no torch."""


class CurveChoice(click.ParamType[tuple[str, tuple[int, ...]]]):
    """A curve, and its points where others than the usual are wanted: "batch" or "batch=1,2"."""

    name = "name[=n,n,...]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, tuple[int, ...]]:
        """Name and points; no points for the usual ones."""
        if isinstance(value, tuple):
            return value
        name, equals, points = str(value).partition("=")
        if name not in CURVES:
            self.fail(f"{name!r} is no curve; choose from {', '.join(CURVES)}.", param, ctx)
        return name, IntegerList().convert(points, param, ctx) if equals else ()


@click.command("growth")
@cost_options
@click.option(
    "--curve",
    "curves",
    type=CurveChoice(),
    multiple=True,
    help=f"{', '.join(CURVES)}; =1,2,4 gives other points than the usual. side is in multiples of --size. Repeatable. Default: all.",
)
@click.option(
    "--library",
    type=IntegerList(),
    metavar="N,N,...",
    help="Also the store's operations with so many identities in the library.",
)
@report_option
@json_option
def command(
    curves: tuple[tuple[str, tuple[int, ...]], ...],
    library: tuple[int, ...] | None,
    report_file: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure how costs grow with side, steps, pictures, batches, identities, references, cached timesteps and the library."""
    from seal_sdk.evaluation.cost.curves import CURVES as KNOWN
    from seal_sdk.evaluation.cost.growth import LIBRARY, measure_growth
    from seal_sdk.evaluation.reports.growth import growth_report, growth_table

    chosen = dict(curves) or ({} if library else dict.fromkeys(CURVES, ()))
    values = {name: points or KNOWN[name].points for name, points in chosen.items()}
    summary = measure_growth(cost_setup(options), {**values, **({LIBRARY: library} if library else {})})
    if report_file:
        report_file.write_text(growth_report(summary), encoding="utf-8")
    if as_json:
        print_json(summary)
        return
    print_table(*growth_table(summary), right=("power", "at most"))
