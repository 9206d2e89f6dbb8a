"""``seal bench references``: a subject known from several photos."""

from __future__ import annotations

import click

from seal_sdk.cli.commands.bench.options import seed_options
from seal_sdk.cli.output import print_json, print_table


@click.command("references")
@seed_options
def command(seeds: range, kind: str, model: str, as_json: bool) -> None:
    """One subject known from one, two and three photos."""
    from seal_sdk.evaluation.reports.table import cell
    from seal_sdk.evaluation.tasks.references import measure_references

    summary = measure_references(seeds, kind=kind, model=model)
    if as_json:
        print_json(summary)
        return
    errors = summary["subject_error"]
    print_table(
        (f"photos, {summary['seeds']} seeds", "subject error", "part colour", "subject error / of one photo"),
        [
            (count, cell(errors[count]), cell(summary["part_color_error"][count]), cell(summary["ratios"].get(count)))
            for count in errors
        ],
    )
