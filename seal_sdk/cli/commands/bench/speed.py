"""``seal bench speed``: what a picture costs beside plain SDXL and other methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seal_sdk.cli.commands.bench.options import cost_options, cost_setup, report_option
from seal_sdk.cli.options import json_option
from seal_sdk.cli.output import print_json, print_table

SYSTEMS = (
    "plain",
    "plain-rows",
    "plain-capture",
    "cold",
    "warm",
    "hot",
    "stateless",
    "ctrlx",
    "drf",
    "controlnet+ip-adapter",
)
"""`seal_sdk.evaluation.cost.systems.SYSTEMS`; named here so that the help loads no torch."""


@click.command("speed")
@cost_options
@click.option(
    "--system", "systems", type=click.Choice(SYSTEMS), multiple=True, help="What is timed; repeatable. Default: all."
)
@report_option
@json_option
def command(systems: tuple[str, ...], report_file: Path | None, as_json: bool, **options: Any) -> None:
    """Time pictures beside plain SDXL, the paper's procedure and other methods, and say where the time goes."""
    from seal_sdk.evaluation.cost.speed import measure_speed
    from seal_sdk.evaluation.reports.speed import phase_table, ratio_table, remarks, speed_report, system_table

    summary = measure_speed(cost_setup(options), systems or SYSTEMS)
    if report_file:
        report_file.write_text(speed_report(summary), encoding="utf-8")
    if as_json:
        print_json(summary)
        return
    for head, lines in (system_table(summary), ratio_table(summary), phase_table(summary)):
        if lines:
            print_table(head, lines, right=set(head[1:]) - {"of what"})
            click.echo()
    click.echo("\n".join(remarks(summary)))
