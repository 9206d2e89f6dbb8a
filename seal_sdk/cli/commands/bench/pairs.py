"""``seal bench pairs``: two identities in one image."""

from __future__ import annotations

import click

from seal_sdk.cli.commands.bench.options import seed_options
from seal_sdk.cli.output import print_json, print_table


@click.command("pairs")
@seed_options
def command(seeds: range, kind: str, model: str, as_json: bool) -> None:
    """Two identities of one species in one picture, each in its region, against each drawn alone."""
    from seal_sdk.evaluation.reports.table import cell
    from seal_sdk.evaluation.tasks.pairs import measure_pairs

    summary = measure_pairs(seeds, kind=kind, model=model)
    if as_json:
        print_json(summary)
        return
    lines = [(name, cell(value)) for name, value in summary["subject_error"].items()]
    print_table(
        ("subject error", f"{summary['seeds']} seeds"),
        [*lines, ("together / alone", cell(summary["together_over_alone"]))],
    )
