"""``seal bench split``: where the subject error comes from."""

from __future__ import annotations

from pathlib import Path

import click

from seal_sdk.cli.commands.bench.options import kinds_option, model_option, report_option, seeds_option, subject_option
from seal_sdk.cli.options import json_option
from seal_sdk.cli.output import print_json, print_table


@click.command("split")
@seeds_option
@kinds_option
@click.option("--methods", default="seal", show_default=True, help="As of bench quality; all with AnchorAlign.")
@model_option
@subject_option
@report_option
@json_option
def command(
    seeds: range, kinds: str, methods: str, model: str, subject: str, report_file: Path | None, as_json: bool
) -> None:
    """Split the subject error into parts that add up to it, beside what a perfect match would leave."""
    from seal_sdk.evaluation import parse_methods
    from seal_sdk.evaluation.reports.error_split import split_report, split_table
    from seal_sdk.evaluation.tasks.error_split import measure_split, summarize_split

    chosen, named = parse_methods(methods), tuple(filter(None, kinds.split(",")))
    pictures = measure_split(seeds, chosen, kinds=named, model=model, subject=subject)
    summary = summarize_split(pictures)
    if report_file:
        settings = {
            "seeds": f"{seeds.start}:{seeds.stop}",
            "kinds": kinds,
            "methods": methods,
            "model": model,
            "subject": subject,
        }
        report_file.write_text(split_report(summary, pictures, settings), encoding="utf-8")
    if as_json:
        print_json(summary)
        return
    print_table(*split_table(summary))
