"""``seal bench systems``: all systems of the comparison, their quality and their costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seal_sdk.cli.commands.bench.options import run_options, run_settings
from seal_sdk.cli.commands.bench.quality import MethodsOption, print_quality
from seal_sdk.cli.output import print_json, print_table

if TYPE_CHECKING:
    from seal_sdk.evaluation.tasks.systems import Costs


@click.command("systems")
@click.option("--methods", cls=MethodsOption, show_default="the systems of the paper's comparison, and more")
@click.option(
    "--cost-subjects",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="How many of the subjects costs are measured on.",
)
@run_options
def command(
    seeds: range,
    methods: str | None,
    cost_subjects: int,
    report_file: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Score all systems, with prompts that name another colour too, and measure what a subject and a picture cost each."""
    from seal_sdk.evaluation import parse_methods
    from seal_sdk.evaluation.reports.systems import systems_report
    from seal_sdk.evaluation.tasks.systems import SYSTEMS, measure_systems

    asked = " ".join(SYSTEMS) if methods is None else methods
    results = measure_systems(seeds, parse_methods(asked), subjects=cost_subjects, **run_settings(options))
    if report_file:
        settings = {"seeds": f"{seeds.start}:{seeds.stop}", "methods": asked, **options}
        report_file.write_text(systems_report(results, settings), encoding="utf-8")
    if as_json:
        print_json(results.to_json())
        return
    print_quality({"short": results.quality.summary()})
    _print_costs(results.costs)


def _print_costs(costs: Costs) -> None:
    """Print what each system costs, and from how many pictures on it pays."""
    from seal_sdk.evaluation.reports.systems import BREAK_EVEN, break_even_table, break_even_words, cost_table

    click.echo("\ncosts: of a subject once, of each picture, and of each when a subject is drawn so many times")
    head, lines = cost_table(costs)
    print_table(head, lines, right=head[1:])
    if costs["break_even"]:
        click.echo(f"\n{BREAK_EVEN}")
        head, lines = break_even_table(costs)
        print_table(head, lines, right=head[1:])
        click.echo("\n".join(break_even_words(costs)))
