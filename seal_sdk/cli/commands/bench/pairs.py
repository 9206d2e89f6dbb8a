"""``seal bench pairs``: two identities in one image."""

from __future__ import annotations

from typing import Any

import click

from seal_sdk.cli.commands.bench.options import seed_options
from seal_sdk.cli.output import print_json, print_table


@click.command("pairs")
@click.option(
    "--conflicts", is_flag=True, help="The prompt gives each identity another colour than its reference shows."
)
@seed_options
def command(seeds: range, kind: str, model: str, conflicts: bool, as_json: bool) -> None:
    """Two identities of one species in one picture, each in its region, against each drawn alone."""
    from seal_sdk.evaluation.reports.table import cell
    from seal_sdk.evaluation.tasks.pairs import COLORS, ERROR, METHODS, measure_pairs

    summary = measure_pairs(seeds, kind=kind, model=model, conflicts=conflicts)
    if as_json:
        print_json(summary)
        return
    metrics = (ERROR, *COLORS) if conflicts else (ERROR,)
    found: dict[str, Any] = dict(summary)
    ratio = ("together / alone", cell(summary["together_over_alone"]), *("" for _ in metrics[1:]))
    print_table(
        (f"{summary['seeds']} seeds", *(name.replace("_", " ") for name in metrics)),
        [*((method, *(cell(found[name][method]) for name in metrics)) for method in METHODS), ratio],
    )
